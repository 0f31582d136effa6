import { randomUUID } from 'node:crypto'
import { chmod, chown, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What is done with the markers, wherever they are. */
export interface Files {
  /** Names in a folder; none where it is not there. */
  names(folder: string): Promise<string[]>
  /** Null where it is not there. */
  text(path: string): Promise<string | null>
  /** When it was written, in milliseconds of this machine's wall clock, at the latest; 0 where it is not there. */
  writtenAt(path: string): Promise<number>
  /** Private folders on the way to a file: of this user alone, or readable to one group too. */
  folderFor(path: string, group: number | null): Promise<void>
  /** Durable when it resolves, whole or not at all; what has this name is replaced. */
  put(path: string, content: string): Promise<void>
  /** The same where nothing has this name; false: something has. */
  claim(path: string, content: string): Promise<boolean>
  /** An empty file: its name is what matters. */
  touch(path: string): Promise<void>
  discard(path: string): Promise<void>
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

async function text(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

const writtenAt = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.mtimeMs ?? 0

async function folderFor(path: string, group: number | null): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined || group === null) return
  for (let at = path; ; at = dirname(at)) {
    await chown(at, -1, group)
    await chmod(at, 0o750)
    if (at === first) return
  }
}

async function put(path: string, content: string): Promise<void> {
  await written(path, content, (temporary) => rename(temporary, path))
}

async function claim(path: string, content: string): Promise<boolean> {
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

const touch = async (path: string): Promise<void> => (await open(path, 'w', 0o600)).close()

const discard = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

/** Those of this machine. */
export const localFiles: Files = { names, text, writtenAt, folderFor, put, claim, touch, discard }
