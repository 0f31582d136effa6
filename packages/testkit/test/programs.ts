import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const cache = resolve(import.meta.dirname, '../../../.cache')

/** Programs of this folder as processes of their own, with the sources of all packages in one file each. They talk by messages. */
export async function programs(...names: string[]) {
  mkdirSync(cache, { recursive: true })
  // Below the repository, so that dependencies which cannot be bundled are found from there.
  const folder = mkdtempSync(join(cache, 'programs-'))
  await build({
    entryPoints: names.map((name) => join(import.meta.dirname, `${name}.ts`)),
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@appaloft/source'],
    banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    external: ['libsql', 'esbuild'],
    logLevel: 'silent',
  })
  const children: ChildProcess[] = []
  return {
    start(name: string, args: string[], execArgv: string[] = []): Program {
      const child = fork(join(folder, `${name}.js`), args, { execArgv })
      children.push(child)
      return new Program(child)
    },
    async end() {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

type Message = { is: string } & Record<string, unknown>

export class Program {
  readonly #heard: Message[] = []
  readonly #waiting = new Set<() => void>()
  #ended: string | null = null

  constructor(readonly child: ChildProcess) {
    child.on('message', (message: Message) => {
      this.#heard.push(message)
      this.#wake()
    })
    child.on('exit', (code, signal) => {
      this.#ended = `the program ended with ${code ?? signal}`
      this.#wake()
    })
  }

  tell(is: string, data: object = {}): void {
    this.child.send({ is, ...data })
  }

  /** The next message of this kind; null when it takes too long. Rejects when the program ends before. */
  async hear(is: string, withinMs = 120_000): Promise<Message | null> {
    const end = performance.now() + withinMs
    for (;;) {
      const at = this.#heard.findIndex((one) => one.is === is)
      if (at >= 0) return this.#heard.splice(at, 1)[0] ?? null
      if (this.#ended !== null) throw new Error(this.#ended)
      const left = end - performance.now()
      if (left <= 0) return null
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, left)
        const waiting = this.#waiting
        function done() {
          clearTimeout(timer)
          waiting.delete(done)
          resolve()
        }
        waiting.add(done)
      })
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

/** Inside a program: what it is told, and how it answers. */
export const say = (is: string, data: object = {}): void => {
  process.send?.({ is, ...data })
}
export const listen = (jobs: Record<string, (data: Message) => unknown>): void => {
  process.on('message', async (message: Message) => {
    try {
      await jobs[message.is]?.(message)
    } catch (error) {
      console.error(error)
      process.exit(1)
    }
  })
}
