import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CliError } from '../errors.js'

export const configNames = [
  'appaloft.config.ts',
  'appaloft.config.mts',
  'appaloft.config.js',
  'appaloft.config.mjs',
  'appaloft.config.json',
] as const

/** The folder's configuration file, or null. Two of them are refused: which one counts must not be luck. */
export function findConfig(folder: string): string | null {
  const found = configNames.filter((name) => existsSync(join(folder, name)))
  if (found.length > 1) {
    throw new CliError('config-invalid', `There are several configuration files: ${found.join(', ')}.`, {
      hint: 'Keep one of them, or name it with --config.',
      details: { files: [...found] },
    })
  }
  return found[0] === undefined ? null : join(folder, found[0])
}
