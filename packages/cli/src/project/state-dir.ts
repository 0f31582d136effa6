import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** `$APPALOFT_STATE_DIR`, else `$XDG_STATE_HOME/appaloft`, else `~/.local/state/appaloft`. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  if (env.APPALOFT_STATE_DIR) return resolve(env.APPALOFT_STATE_DIR)
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'appaloft')
  return join(env.HOME || homedir(), '.local', 'state', 'appaloft')
}
