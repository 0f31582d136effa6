import type { Ref } from './paths.js'
import type { ReleaseMeta } from './records.js'

/** Of the keeper's control socket and of the files that keeper and engine share. Raised when one side could misread the other. */
export const protocolVersion = 1

export type Role = 'keeper' | 'proxy' | 'static'

/** Settings that the engine leaves for the keeper it starts. */
export interface KeeperConfig {
  /** Start the embedded proxy as one of the keeper's helpers. */
  proxy: boolean
  /** How long nothing must be left before the keeper ends by itself. */
  idleMs: number
  /** A release's log is rotated at this size. */
  logBytes: number
  /** How many rotated logs are kept beside the present one. */
  logFiles: number
}

export const defaultConfig: KeeperConfig = { proxy: false, idleMs: 30_000, logBytes: 10 * 1024 * 1024, logFiles: 2 }

/** A question is `{ call, protocol, params }`, its answer `{ ok: true, result }` or `{ ok: false, error }`. */
export interface Calls {
  hello: { params: object; result: { pid: number; program: string } }
  fence: { params: { resourceId: string; token: number; expected: number; owner: string }; result: null }
  start: { params: { meta: ReleaseMeta }; result: null }
  stop: { params: { ref: Ref; token: number; graceMs: number }; result: null }
  restart: { params: { ref: Ref; token: number }; result: null }
  remove: { params: { ref: Ref; token: number; graceMs: number }; result: null }
  promoted: { params: { ref: Ref; token: number }; result: null }
  /** Makes sure that a helper runs and is ready. */
  helper: { params: { role: 'proxy' | 'static' }; result: null }
  shutdown: { params: { force: boolean }; result: null }
}
export type Method = keyof Calls

/** A call without a version, understood by all: the keeper ends and leaves all that it keeps to its successor. */
export const handover = 'handover'
