import { type BigIntStats, constants, type Dirent, lstatSync, readlinkSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { errorCode, unreadable, unreadableEntry } from './errors.js'
import { type IgnoreRules, ignoreFiles, isIgnored, rulesFor } from './ignoreRules.js'
import { type SourceLimits, sizeText } from './limits.js'
import { quoted } from './paths.js'

/** What tells an unchanged file without reading it. */
export interface FileStat {
  size: number
  mtimeNs: string
  ctimeNs: string
  inode: string
}

export type WalkedEntry =
  | { type: 'file'; path: string; mode: number; stat: FileStat }
  | { type: 'symlink'; path: string; target: string }
  | { type: 'directory'; path: string }

export interface WalkOptions {
  limits: SourceLimits
  signal: AbortSignal
  /** Obey .gitignore and .appaloftignore, and leave version control and dependencies out. Default false: everything counts. */
  ignore?: boolean
  /** Absolute paths that are left out as if they did not exist. */
  except?: readonly string[]
  /** Other absolute spellings of the root, for links that name it. */
  aliases?: readonly string[]
}

/** Milliseconds without a turn for others. */
const sliceMs = 4

const kinds: [test: 'isFIFO' | 'isSocket' | 'isBlockDevice' | 'isCharacterDevice', name: string][] = [
  ['isFIFO', 'a named pipe'],
  ['isSocket', 'a socket'],
  ['isBlockDevice', 'a device'],
  ['isCharacterDevice', 'a device'],
]

/**
 * Lists everything below a folder without opening anything but ignore files, following no link, in no particular order.
 * `root` must be free of links itself (realpath). Errors: `source-unreadable`.
 */
export async function walk(root: string, options: WalkOptions): Promise<WalkedEntry[]> {
  const { limits, signal } = options
  const found: WalkedEntry[] = []
  const aliases = [root, ...(options.aliases ?? [])]
  let bytes = 0
  let largest = { path: '', size: 0 }
  let slice = performance.now()
  const add = (entry: WalkedEntry) => {
    found.push(entry)
    if (found.length > limits.entries)
      throw unreadable('too-large', `The source holds more than ${limits.entries} entries.`)
    if (entry.type !== 'file') return
    const { size } = entry.stat
    bytes += size
    if (size > largest.size) largest = { path: entry.path, size }
    if (bytes <= limits.bytes) return
    const most = largest.size > limits.bytes / 2 ? `: ${quoted(largest.path)} alone has ${sizeText(largest.size)}` : ''
    throw unreadable('too-large', `The source is larger than ${sizeText(limits.bytes)}${most}.`, {
      limitBytes: limits.bytes,
    })
  }

  // Without a promise a file: this is most of the time that an unchanged folder costs. Who else has work gets a turn between the slices.
  const visit = (path: string, name: string): void => {
    const absolute = join(root, path)
    let stat: BigIntStats
    try {
      stat = lstatSync(absolute, { bigint: true })
    } catch (error) {
      // Gone since it was listed: then it does not belong to the source. A name that is not UTF-8 cannot be found again either.
      if (errorCode(error) !== 'ENOENT') throw unreadableEntry(path, error)
      if (name.includes('\uFFFD')) throw unreadable('name', `The name ${quoted(path)} is not valid UTF-8.`, { path })
      return
    }
    if (stat.isFile()) {
      add({
        type: 'file',
        path,
        mode: stat.mode & 0o111n ? 0o755 : 0o644,
        stat: {
          size: Number(stat.size),
          mtimeNs: String(stat.mtimeNs),
          ctimeNs: String(stat.ctimeNs),
          inode: String(stat.ino),
        },
      })
    } else if (stat.isSymbolicLink()) {
      add({ type: 'symlink', path, target: inner(targetOf(absolute, path), path, aliases) })
    } else {
      const kind = kinds.find(([test]) => stat[test]())?.[1] ?? 'neither a file nor a folder'
      throw unreadable('special-file', `${quoted(path)} is ${kind}: a source holds files, folders and links only.`, {
        path,
      })
    }
  }

  const open: { path: string; rules: IgnoreRules | null }[] = [{ path: '', rules: null }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path: directory, rules: above } = next
    signal.throwIfAborted()
    const listed = await readdir(join(root, directory), { withFileTypes: true }).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT' && directory !== '') return []
      throw unreadableEntry(directory || '.', error)
    })
    const rules = options.ignore ? await rulesFor(directory, await readRules(root, directory, listed), above) : null
    const before = found.length
    const folders: string[] = []
    for (const entry of listed) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (options.except?.includes(join(root, path))) continue
      if (rules !== null && isIgnored(rules, path, entry.isDirectory())) continue
      if (entry.isDirectory()) folders.push(path)
      else visit(path, entry.name)
      if (performance.now() - slice > sliceMs) {
        await setImmediate()
        signal.throwIfAborted()
        slice = performance.now()
      }
    }
    for (const path of folders) open.push({ path, rules })
    if (found.length === before && folders.length === 0 && directory !== '') add({ type: 'directory', path: directory })
  }
  return found
}

function targetOf(absolute: string, path: string): string {
  try {
    return readlinkSync(absolute)
  } catch (error) {
    throw unreadableEntry(path, error)
  }
}

/** The text of the ignore files in a directory; one that is not a regular file, or above 1 MiB, has no word. */
async function readRules(root: string, directory: string, listed: readonly Dirent[]): Promise<string[]> {
  const texts: string[] = []
  for (const name of ignoreFiles) {
    if (!listed.some((entry) => entry.name === name)) continue
    const path = join(root, directory, name)
    try {
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        const stat = await file.stat()
        if (stat.isFile() && stat.size <= 1024 * 1024) texts.push(await file.readFile('utf8'))
      } finally {
        await file.close()
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ELOOP')
        throw unreadableEntry(join(directory, name), error)
    }
  }
  return texts
}

/** An absolute link to a place inside the folder becomes a relative one: the copy must not lead back into the folder. */
function inner(target: string, path: string, roots: readonly string[]): string {
  if (!isAbsolute(target)) return target
  for (const root of roots) {
    const inside = relative(root, target)
    if (inside === '..' || inside.startsWith('../') || isAbsolute(inside)) continue
    return `${'../'.repeat(path.split('/').length - 1)}${inside}` || '.'
  }
  return target
}
