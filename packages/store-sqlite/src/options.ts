import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export interface SqliteOptions {
  /** The file. Default: `appaloft.db` in `$APPALOFT_STATE_DIR`, else `$XDG_STATE_HOME/appaloft`, else `~/.local/state/appaloft`. */
  path?: string
  /** How long a call waits for other processes' writes before it fails with `store-unavailable`, in milliseconds. Default 10,000. */
  busyTimeoutMs?: number
  /** How often subscribers look for changes that the file system did not tell of, in milliseconds. Default 1,000. */
  pollMs?: number
}

export interface ResolvedOptions {
  path: string
  busyTimeoutMs: number
  pollMs: number
}

function defaultFolder(env: NodeJS.ProcessEnv): string {
  if (env.APPALOFT_STATE_DIR) return env.APPALOFT_STATE_DIR
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'appaloft')
}

export function resolveOptions(options: SqliteOptions, env: NodeJS.ProcessEnv = process.env): ResolvedOptions {
  return {
    path: resolve(options.path ?? join(defaultFolder(env), 'appaloft.db')),
    busyTimeoutMs: options.busyTimeoutMs ?? 10_000,
    pollMs: options.pollMs ?? 1_000,
  }
}
