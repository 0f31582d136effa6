import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppaloftError } from '../spec/errors.js'

/** The keys of one secret, each for one use. */
export interface Keys {
  seal: Buffer
  digest: Buffer
  /** Tells keys apart without telling anything of them. */
  id: string
}

const unavailable = (message: string, cause?: unknown) => new AppaloftError('secret-unavailable', { message, cause })

function derive(material: Uint8Array): Keys {
  const key = (use: string) => Buffer.from(hkdfSync('sha256', material, 'appaloft secrets 1', use, 32))
  const id = createHmac('sha256', key('id')).update('id').digest('hex').slice(0, 8)
  return { seal: key('seal'), digest: key('digest'), id }
}

/** Any text will do as a key; what it is worth is what it is hard to guess. */
export const keysOfText = (text: string): Keys => derive(Buffer.from(text, 'utf8'))

const pattern = /^appaloft-secret-key-1 ([A-Za-z0-9+/]{43}=)\n$/
const parse = (text: string): Keys => {
  const [, encoded] = pattern.exec(text) ?? []
  if (encoded === undefined)
    throw unavailable('The key file of the state folder is damaged: it is not what was written.')
  return derive(Buffer.from(encoded, 'base64'))
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | null)?.code

/** The keys of `stateDir/secret.key`; null where there is no such file. */
export async function readKeyFile(stateDir: string): Promise<Keys | null> {
  const path = join(stateDir, 'secret.key')
  try {
    const text = await readFile(path, 'utf8')
    // Someone may have copied it with wider rights. Whose file it is decides whether that can be mended.
    if ((await stat(path)).mode & 0o077) await chmod(path, 0o600).catch(() => {})
    return parse(text)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    if (AppaloftError.isInstance(error)) throw error
    throw unavailable(`The key file of the state folder cannot be read (${codeOf(error) ?? 'unknown error'}).`, error)
  }
}

/**
 * The keys of the file, which is made where there is none: whole, on disk, and never replacing another one, so that of two processes
 * that come at once both use the first one's.
 */
export async function readOrCreateKeyFile(stateDir: string): Promise<Keys> {
  const existing = await readKeyFile(stateDir)
  if (existing !== null) return existing
  const path = join(stateDir, 'secret.key')
  const temp = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    const file = await open(temp, 'wx', 0o600)
    try {
      await file.writeFile(`appaloft-secret-key-1 ${randomBytes(32).toString('base64')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temp, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    await syncFolder(stateDir)
  } catch (error) {
    throw unavailable(
      `The key file of the state folder cannot be written (${codeOf(error) ?? 'unknown error'}).`,
      error,
    )
  } finally {
    await rm(temp, { force: true }).catch(() => {})
  }
  const keys = await readKeyFile(stateDir)
  if (keys === null) throw unavailable('The key file of the state folder vanished.')
  return keys
}

/** The name itself must survive a power cut: what is sealed under a lost key is lost. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
