import { mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { AppaloftError, type LogLine } from '@appaloft/core/spec'
import { errorCode } from '../shared/files.js'
import { copyOne, eachOf } from './copy.js'

const within = (parent: string, path: string) => path === parent || path.startsWith(parent + sep)

/** The publish directory as an absolute path without links. Errors: `publish-directory-missing`. */
export async function findPublishDirectory(tree: string, base: string, publishDirectory: string): Promise<string> {
  const missing = (what: string) =>
    new AppaloftError('publish-directory-missing', {
      message: `The publish directory ${publishDirectory} ${what}.`,
      details: { publishDirectory },
    })
  const wanted = resolve(tree, base, publishDirectory)
  if (!within(resolve(tree), wanted)) throw missing('lies outside the source')
  let found: string
  try {
    found = await realpath(wanted)
  } catch {
    throw missing('does not exist after the build')
  }
  if (!within(await realpath(tree), found)) throw missing('leads out of the source')
  if (!(await stat(found)).isDirectory()) throw missing('is not a directory')
  return found
}

/**
 * Copies what will be served into a folder of its own, without any link: a link to something inside becomes what it points to, one that
 * leads out is left out, and so are dot files (but `.well-known`) and what is neither file nor folder.
 *
 * @returns the number of files
 */
export async function copyPublished(
  from: string,
  to: string,
  options: { leaveOut: readonly string[]; signal: AbortSignal; log(line: LogLine): void },
): Promise<number> {
  const files: { from: string; to: string }[] = []
  const note = (path: string, why: string) =>
    options.log({ stream: 'stderr', text: `${relative(from, path)} is not published: ${why}` })

  /** `above`: the real folders that lead here, so that a link to one of them does not lead into a circle. */
  const walk = async (source: string, target: string, above: readonly string[]): Promise<void> => {
    options.signal.throwIfAborted()
    await mkdir(target, { recursive: true })
    for (const entry of await readdir(source, { withFileTypes: true })) {
      if (entry.name.startsWith('.') && entry.name !== '.well-known') continue
      if (source === from && options.leaveOut.includes(entry.name)) continue
      const path = join(source, entry.name)
      if (entry.isDirectory()) await walk(path, join(target, entry.name), [...above, path])
      else if (entry.isFile()) files.push({ from: path, to: join(target, entry.name) })
      else if (entry.isSymbolicLink()) await follow(path, join(target, entry.name), above)
      else note(path, 'it is neither a file nor a folder')
    }
  }

  const follow = async (path: string, target: string, above: readonly string[]): Promise<void> => {
    let real: string
    try {
      real = await realpath(path)
    } catch (error) {
      return note(path, errorCode(error) === 'ELOOP' ? 'the link leads to itself' : 'the link leads nowhere')
    }
    if (!within(from, real)) return note(path, 'the link leads out of the publish directory')
    const found = await stat(real)
    if (found.isFile()) files.push({ from: real, to: target })
    else if (!found.isDirectory()) note(path, 'the link leads to neither a file nor a folder')
    else if (above.some((one) => within(real, one))) note(path, 'the link leads into a circle')
    else await walk(real, target, [...above, real])
  }

  await walk(from, to, [from])
  await eachOf(files, 32, async (file) => {
    options.signal.throwIfAborted()
    await copyOne(file.from, file.to)
  })
  return files.length
}
