import type { CallOptions } from './proxy.js'

/** A text that lies on the machine of a target. */
export interface TargetRecord {
  resourceId: string
  /** Unique in its resource. */
  name: string
  /** Null: something lies there that cannot be read. */
  text: string | null
}

/** Names of records: small letters, digits, `_` and `-`, at most 64, as ids are. */
export const recordNamePattern = /^[a-z0-9_][a-z0-9_-]{0,63}$/

/**
 * What the engine tells a machine of the releases on it, in words of the engine's own: whoever reaches the machine with an empty store finds
 * there what it must know. The texts name no secret in clear, and belong to nobody else: neither `list` nor `discard` of the target knows them.
 *
 * Called by the engine only. Errors: `fenced`, `runtime-backend-unavailable`, `disk-full`, `invalid-input` for a name that is none.
 */
export interface TargetRecords {
  /** Those of one resource, or all, by resource and name. What cannot be read is told as such, beside the others. */
  list(resourceId?: string, options?: CallOptions): Promise<TargetRecord[]>
  /**
   * Durable when it resolves. Replaces what has this name: who reads meanwhile finds the one or the other. Idempotent. A token below the
   * fence is refused with `fenced`, and what the holder of a higher one wrote under the name stays.
   */
  put(resourceId: string, name: string, text: string, token: number, options?: CallOptions): Promise<void>
  /** Idempotent. Refused below the fence as `put` is. */
  remove(resourceId: string, name: string, token: number, options?: CallOptions): Promise<void>
}
