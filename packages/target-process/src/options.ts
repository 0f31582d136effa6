import type { Proxy } from '@appaloft/core/spec'

export interface ProcessOptions {
  /** What routes to the releases. Default: none, and exposure `proxy` is not offered. */
  proxy?: Proxy | null
  /** Unique among the targets of an engine. Default `process`. */
  key?: string
  /** How long a build that was aborted may take to end after SIGTERM, in seconds. Default 5. */
  abortGraceSeconds?: number
  keeper?: KeeperOptions
}

/** Taken by the keeper when it starts; a running one keeps what it was started with. */
export interface KeeperOptions {
  /** How long nothing must be left to keep before it ends by itself. Default 30. */
  idleSeconds?: number
  /** A release's log is rotated at this size. Default 10 MiB. */
  logBytes?: number
  /** How many rotated logs are kept beside the present one. Default 2. */
  logFiles?: number
}
