import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RouteTable } from '@appaloft/core/spec'
import { isRouteTable, isWhole } from './check.js'

/** What the proxy keeps of one resource. */
export interface StoredResource {
  /** The fence; outlives the routes. */
  token: number
  /** The attempt that raised it. */
  owner: string
  /** Its own port, for routes without a hostname. Chosen once, forgotten by `remove`. */
  port: number | null
  table: RouteTable | null
}

/** The table file: everything that a new daemon needs to come back as the former one was. */
export interface Stored {
  version: 1
  /** The shared listener. */
  listen: { host: string | null; port: number | null }
  resources: Map<string, StoredResource>
}

export const emptyStored = (): Stored => ({
  version: 1,
  listen: { host: null, port: null },
  resources: new Map(),
})

/** A file that is not there is an empty table; one that cannot be understood is an error, since it may hold fences. */
export async function readStored(path: string): Promise<Stored> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return emptyStored()
    throw error
  }
  const stored = parse(text)
  if (stored === null) throw new Error('The proxy’s table file cannot be understood by this version.')
  return stored
}

function parse(text: string): Stored | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const { version, listen, resources } = (value ?? {}) as Record<string, unknown>
  if (version !== 1 || typeof listen !== 'object' || typeof resources !== 'object' || resources === null) return null
  const { host, port } = (listen ?? {}) as Record<string, unknown>
  if ((host !== null && typeof host !== 'string') || !isPort(port)) return null
  const found = new Map<string, StoredResource>()
  for (const [id, entry] of Object.entries(resources)) {
    if (!isStoredResource(entry)) return null
    found.set(id, entry)
  }
  return { version, listen: { host, port }, resources: found }
}

const isPort = (value: unknown): value is number | null => value === null || (isWhole(value) && value > 0)

function isStoredResource(value: unknown): value is StoredResource {
  if (typeof value !== 'object' || value === null) return false
  const { token, owner, port, table } = value as Record<string, unknown>
  return isWhole(token) && typeof owner === 'string' && isPort(port) && (table === null || isRouteTable(table))
}

const serialize = (stored: Stored): string =>
  JSON.stringify({ ...stored, resources: Object.fromEntries(stored.resources) })

/** Durable when it resolves, whole or not at all. One writer at a time. */
export async function writeStored(path: string, stored: Stored): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(serialize(stored))
    await file.sync()
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  // A promotion waits for this: what can go side by side does.
  await Promise.all([file.close(), rename(temporary, path)])
  await syncFolder(dirname(path))
}

async function syncFolder(path: string): Promise<void> {
  // Windows has no handles of folders to sync.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
