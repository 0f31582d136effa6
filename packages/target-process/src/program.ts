import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { makeFolder, writeJson } from './shared/files.js'
import type { Layout } from './shared/paths.js'
import { protocolVersion } from './shared/protocol.js'
import { folderNames } from './shared/records.js'

/**
 * The keeper's program is copied into the state folder under its protocol version and content: it runs on when the package is upgraded
 * or removed, and two versions never mix.
 */
export async function installProgram(layout: Layout): Promise<void> {
  const text = await keeperProgram()
  const name = `keeper-${protocolVersion}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.mjs`
  const file = join(layout.programs, name)
  makeFolder(layout.programs)
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}.draft`
    writeFileSync(draft, text, { mode: 0o600 })
    renameSync(draft, file)
    for (const old of folderNames(layout.programs)) if (old !== name) forget(join(layout.programs, old))
  }
  writeJson(layout.program, { node: process.execPath, file })
}

/** A running process has read its program: the file is only needed to start it. */
const forget = (path: string) => rmSync(path, { force: true })

let program: Promise<string | Uint8Array> | undefined

function keeperProgram(): Promise<string | Uint8Array> {
  program ??= load()
  return program
}

async function load(): Promise<string | Uint8Array> {
  const built = fileURLToPath(new URL('./keeper.js', import.meta.url))
  if (existsSync(built)) return readFileSync(built)
  // Sources are run (by this repository's tests): nothing is built yet, so the bundle is made here and now.
  // By a name that no bundler follows: what is published never comes here.
  const bundler: string = 'esbuild'
  const { build } = (await import(bundler)) as typeof import('esbuild')
  const result = await build({
    entryPoints: [fileURLToPath(new URL('./keeper/main.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@appaloft/source'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'silent',
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error('the keeper was not bundled')
  return output.contents
}
