import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CliError, usageError } from '../errors.js'

interface WriteOptions {
  /** Replace what is there. Default: `already-exists`. */
  force?: boolean
  /** Default 0600. */
  mode?: number
}

/** Writes a new file. With `force` what is there is replaced whole or not at all: neither a link in its place nor its mode lives on. */
export async function writePrivate(file: string, text: string, options: WriteOptions = {}): Promise<void> {
  const { force = false, mode = 0o600 } = options
  const draft = force ? join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`) : file
  try {
    await writeFile(draft, text, { flag: 'wx', mode })
    if (force) await rename(draft, file)
  } catch (error) {
    if (force || !isTaken(error)) await rm(draft, { force: true }).catch(() => {})
    throw fault(error, file)
  }
}

const isTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EEXIST'

function fault(error: unknown, file: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  const name = basename(file)
  if (isTaken(error)) {
    return new CliError('already-exists', `There is a file ${name} already.`, { hint: 'Pass --force to replace it.' })
  }
  if (code === undefined) return error
  return usageError(
    `${file} cannot be written (${code}).`,
    'Name a file in a folder that exists and that this user may write to.',
  )
}
