import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shutdown } from '@appaloft/target-process'
import type { BuildOptions } from 'esbuild'
import { afterAll, afterEach, beforeAll } from 'vitest'

const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../../..')
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
}
const shared: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['@appaloft/source'],
  banner,
  logLevel: 'silent',
}

export interface Finished {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
  /** The JSON documents on stdout; throws where a line is none. */
  documents(): Record<string, unknown>[]
}

export interface Running {
  child: ChildProcess
  /** Resolves when the text was printed on stdout. */
  until(text: string | RegExp): Promise<string>
  finished: Promise<Finished>
}

export interface Options {
  cwd?: string
  env?: Record<string, string>
  stdin?: string
}

/**
 * The program as it is published, built from the sources once for the test file, each test with a folder and a state folder of its own.
 * What a test leaves running is stopped after it.
 */
export function program() {
  let built = ''
  let folder = ''
  beforeAll(async () => {
    built = mkdtempSync(join(cacheFolder(), 'cli-test-'))
    await build(join(built, 'dist'))
    copyFileSync(join(here, '../package.json'), join(built, 'package.json'))
  })
  afterAll(() => rmSync(built, { recursive: true, force: true }))
  afterEach(async () => {
    if (folder === '') return
    await shutdown(join(folder, 'state'), { force: true })
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    folder = ''
  })

  const home = (): string => {
    if (folder === '') folder = mkdtempSync(join(tmpdir(), 'appaloft-cli-'))
    return folder
  }
  const environment = (extra: Record<string, string> = {}) => {
    const { NO_COLOR, FORCE_COLOR, CI, ...env } = process.env
    return { ...env, APPALOFT_STATE_DIR: join(home(), 'state'), ...extra }
  }
  const start = (args: readonly string[], options: Options = {}): Running => {
    const child = spawn(process.execPath, [join(built, 'dist/bin.js'), ...args], {
      cwd: options.cwd ?? home(),
      env: environment(options.env),
      stdio: 'pipe',
    })
    child.stdin.end(options.stdin ?? '')
    return watch(child)
  }
  return {
    start,
    run: (args: readonly string[], options: Options = {}) => start(args, options).finished,
    /** A folder for this test; gone after it. */
    folder: (name: string): string => {
      const path = join(home(), name)
      mkdirSync(path, { recursive: true })
      return path
    },
    stateDir: () => join(home(), 'state'),
    bin: () => join(built, 'dist/bin.js'),
    environment,
  }
}

function watch(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  const waiters = new Set<() => void>()
  const changed = () => {
    for (const waiter of waiters) waiter()
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    changed()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const finished = new Promise<Finished>((done) => {
    child.once('close', (code, signal) => {
      const documents = () =>
        stdout
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Record<string, unknown>)
      done({ code, signal, stdout, stderr, documents })
      changed()
    })
  })
  return {
    child,
    finished,
    until: (text) =>
      new Promise((done, fail) => {
        const look = () => {
          const found = typeof text === 'string' ? (stdout.includes(text) ? text : null) : text.exec(stdout)?.[0]
          if (found) done(found)
          else if (child.exitCode !== null || child.signalCode !== null) fail(new Error(`ended: ${stdout}${stderr}`))
          else return
          waiters.delete(look)
        }
        waiters.add(look)
        look()
      }),
  }
}

/** Below the repository, so that dependencies which cannot be bundled are found from there. */
function cacheFolder(): string {
  const path = join(root, '.cache')
  mkdirSync(path, { recursive: true })
  return path
}

async function build(outdir: string): Promise<void> {
  const { build } = await import('esbuild')
  const at = (path: string) => join(root, 'packages', path)
  const external = ['libsql', 'jiti', 'esbuild']
  await build({
    ...shared,
    entryPoints: { bin: at('cli/src/bin.ts'), index: at('cli/src/index.ts') },
    outdir,
    external,
    splitting: true,
  })
  await build({ ...shared, entryPoints: { keeper: at('target-process/src/keeper/main.ts') }, outdir })
}
