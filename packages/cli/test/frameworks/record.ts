import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import process from 'node:process'
import type { RealApp } from './app.js'
import { type Deployed, fixtures } from './deploy.js'

const root = resolve(import.meta.dirname, '../../../..')
const folder = join(root, '.cache/frameworks')

/** What is known of an application's last run. `scripts/frameworks.mjs` prints it. */
export interface Entry {
  /** Of all that decides how it ends. */
  key: string
  passed: boolean
  at: string
  deployed?: Deployed
  failure?: { step: string; message: string; lastLogs: readonly string[] }
}

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

function digest(files: readonly string[], more: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(more))
  for (const file of files) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file))
  return hash.digest('hex')
}

let sources: string | undefined

/** Everything of ours that takes part in a deployment, and the Node that runs it. */
function engine(): string {
  if (sources !== undefined) return sources
  const packages = readdirSync(join(root, 'packages')).flatMap((name) =>
    filesBelow(join(root, 'packages', name, 'src')),
  )
  const parts = packages.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  sources = digest(parts, process.version)
  return sources
}

/** The application, its row, and what deploys it. */
export const keyOf = (app: RealApp): string =>
  digest(filesBelow(join(fixtures, app.name)), [app, String(app.asset), engine()])

const fileOf = (name: string) => join(folder, `${name}.json`)

export function readEntry(name: string): Entry | null {
  try {
    return JSON.parse(readFileSync(fileOf(name), 'utf8')) as Entry
  } catch {
    return null
  }
}

export function writeEntry(name: string, entry: Entry): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(name), `${JSON.stringify(entry, null, 2)}\n`)
}
