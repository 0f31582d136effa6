import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applicable, type ProxyFactory, proxyAbilities, proxyConformance } from '@appaloft/testkit'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pingProxyDaemon } from './daemon.js'
import { embedded } from './index.js'

const here = fileURLToPath(new URL('.', import.meta.url))
let folder = ''
let program = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-daemon-'))
  program = join(folder, 'main.mjs')
  await build({
    entryPoints: [join(here, 'daemon.ts')],
    outfile: join(folder, 'daemon.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    conditions: ['@appaloft/source'],
  })
  await writeFile(
    program,
    `import { startProxyDaemon } from './daemon.mjs'
const daemon = await startProxyDaemon({ stateDir: process.argv[2] })
process.once('SIGTERM', () => void daemon.close().then(() => process.exit(0)))
process.send('ready')
process.disconnect()
`,
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The daemon in a process of its own; a restart kills it with SIGKILL. */
const factory: ProxyFactory = {
  async create() {
    const stateDir = await mkdtemp(join(tmpdir(), 'appaloft-proxy-'))
    let child: ChildProcess | null = null
    const begin = async () => {
      const next = spawn(process.execPath, [program, stateDir], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      child = next
      await Promise.race([
        once(next, 'message'),
        once(next, 'exit').then(() => Promise.reject(new Error('the daemon did not start'))),
      ])
    }
    const end = async (signal: NodeJS.Signals) => {
      if (child === null) return
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
      child = null
    }
    const proxy = embedded()
    await proxy.open!({ stateDir, ensure: () => (child === null ? begin() : Promise.resolve()) })
    return {
      proxy,
      restart: async () => {
        await end('SIGKILL')
        expect(await pingProxyDaemon(stateDir)).toBeNull()
        await begin()
      },
      close: async () => {
        await proxy.close!()
        await end('SIGKILL')
        await rm(stateDir, { recursive: true, force: true })
      },
    }
  },
}

describe('the embedded proxy, its daemon in a process of its own', () => {
  const { run } = applicable(proxyConformance, proxyAbilities(embedded(), ['restart', 'trailers']))
  for (const one of run) it(`${one.id}: ${one.title}`, () => one.run(factory))
})
