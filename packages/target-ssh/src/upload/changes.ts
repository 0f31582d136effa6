import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppaloftError } from '@appaloft/core/spec'
import { quoted } from '../remote/quote.js'
import { digests, type Exec, linkTargets, type There } from './inventory.js'
import type { Entry } from './walk.js'

export interface Changes {
  /** Paths of entries that have to be sent. */
  sent: string[]
  /** Shell commands, run in the folder when `$s` holds what was sent. */
  steps: string[]
}

const octal = (mode: number) => mode.toString(8)

/**
 * What has to be done where something is there already. `named`: the name of an entry in the remote folder.
 * A folder that is in truth a link, or something else, is replaced, and nothing in it counts as there.
 */
export async function changes(
  exec: Exec,
  { root, entries }: { root: string; entries: readonly Entry[] },
  folder: string,
  there: ReadonlyMap<string, There>,
  named: (path: string) => string,
  signal: AbortSignal | undefined,
): Promise<Changes> {
  const gone = new Set<string>()
  const present = (entry: Entry) =>
    gone.has(posix.dirname(named(entry.path))) ? undefined : there.get(named(entry.path))
  for (const entry of entries)
    if (entry.kind === 'folder' && entry.path !== '' && present(entry)?.kind !== 'folder') gone.add(named(entry.path))
  const alike = entries.filter((one) => {
    const found = present(one)
    return one.kind === found?.kind && (one.kind !== 'file' || one.size === found.size)
  })
  const names = (kind: Entry['kind']) => alike.filter((one) => one.kind === kind).map(({ path }) => named(path))
  const [contents, targets] = await Promise.all([
    digests(exec, folder, names('file'), signal),
    linkTargets(exec, folder, names('link'), signal),
  ])

  const result: Changes = { sent: [], steps: [] }
  const modes: string[] = []
  for (const entry of entries) {
    const name = named(entry.path)
    const at = quoted(`./${name}`)
    const found = present(entry)
    const setMode = `chmod ${octal(entry.mode)} ${entry.path === '' && entry.kind === 'folder' ? '.' : at}`
    if (entry.kind === 'folder') {
      if (entry.path !== '' && found?.kind !== 'folder')
        result.steps.push(`${found === undefined ? '' : `rm -f ${at}; `}mkdir -m 700 ${at}`)
      if (found?.kind !== 'folder' || found.mode !== entry.mode) modes.push(setMode)
      continue
    }
    const same =
      entry.kind === 'file'
        ? contents.has(name) && contents.get(name) === (await digestOf(join(root, entry.path), signal))
        : targets.get(name) === entry.target
    if (same) {
      if (entry.kind === 'file' && found?.mode !== entry.mode) modes.push(setMode)
      continue
    }
    if (found?.kind === 'folder')
      throw new AppaloftError('runtime-backend-unavailable', {
        message: `A folder is in the place of ${JSON.stringify(name)}.`,
        details: { systemCode: 'EISDIR' },
        recoveryHint: 'Remove the folder on the machine, or upload to another place.',
        retriable: false,
      })
    result.sent.push(entry.path)
    result.steps.push(`place "$s"/${quoted(entry.path === '' ? posix.basename(root) : entry.path)} ${at}`)
  }
  // Last, the innermost first: a folder may be closed for writing.
  result.steps.push(...modes.reverse())
  return result
}

async function digestOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash, signal === undefined ? {} : { signal })
  return hash.digest('hex')
}
