import type { RouteTable } from '@appaloft/core/spec'

/** Of the control protocol, in every request and answer. Raised when one side could misread the other. */
export const protocolVersion = 1

/** Where a client wants the shared listener; absent members leave it where it is. */
export interface ListenWish {
  host?: string
  port?: number
}

export type ControlCall =
  | { call: 'ping' }
  | { call: 'mark'; resourceId: string }
  | { call: 'fence'; resourceId: string; token: number; expected: number; owner: string }
  | { call: 'apply'; resourceId: string; token: number; table: RouteTable; listen?: ListenWish }
  | { call: 'observe'; resourceId: string }
  | { call: 'endpoint'; resourceId: string }
  | { call: 'remove'; resourceId: string; token: number }
  | { call: 'cut'; resourceId: string; deploymentId: string; token: number }

export type ControlRequest = ControlCall & { protocol: number }

/** `code` is one of the SDK's error codes. */
export interface ControlError {
  code: string
  message: string
  details?: Record<string, string | number | boolean | null>
}

export type ControlAnswer = { protocol: number } & ({ ok: true; value: unknown } | { ok: false; error: ControlError })

export interface PingValue {
  pid: number
  startedAt: string
  /** What does not work at the moment, in words: a port that someone else holds. */
  problems: string[]
}
