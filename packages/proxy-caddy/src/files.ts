import { randomUUID } from 'node:crypto'
import { chmod, chown, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Names in a folder; none where it is not there. */
export async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Null where it is not there. */
export async function text(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** When it was written, in milliseconds of the wall clock. */
export const writtenAt = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.mtimeMs ?? 0

/** Private folders on the way to a file: of this user alone, or readable to one group too. */
export async function folderFor(path: string, group: number | null): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined || group === null) return
  for (let at = path; ; at = dirname(at)) {
    await chown(at, -1, group)
    await chmod(at, 0o750)
    if (at === first) return
  }
}

/** Durable when it resolves, whole or not at all; what has this name is replaced. */
export async function put(path: string, content: string): Promise<void> {
  await written(path, content, (temporary) => rename(temporary, path))
}

/** The same where nothing has this name; false: something has. */
export async function claim(path: string, content: string): Promise<boolean> {
  let made = true
  await written(path, content, async (temporary) => {
    try {
      await link(temporary, path)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      made = false
    }
    await rm(temporary, { force: true })
  })
  return made
}

async function written(path: string, content: string, name: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `new-${randomUUID()}`)
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await name(temporary)
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** An empty file: its name is what matters. */
export const touch = async (path: string): Promise<void> => (await open(path, 'w', 0o600)).close()

export const discard = (path: string): Promise<void> => rm(path, { recursive: true, force: true })
