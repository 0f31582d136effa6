import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endsWithUs } from '../../testkit/test/guard.js'
import { AdminApi } from '../src/admin.js'
import type { JsonRecord } from '../src/entries.js'
import { initialConfig } from '../src/index.js'

const runs = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The real Caddy: what `scripts/engines` found or fetched, or one on the PATH. Null: none. */
export const caddyProgram: string | null =
  process.env.APPALOFT_TEST_CADDY ??
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'caddy'))
    .find(runs) ??
  null

export const noCaddy = 'needs Caddy: `npm test` finds it on the PATH, or as root on Debian fetches it'

export const caddyVersion = (): string => execFileSync(caddyProgram!, ['version'], { encoding: 'utf8' }).trim()

export const freePort = async (): Promise<number> => (await freePorts(1))[0] ?? 0

/** All different: they are given back together. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** A Caddy of a test's own, in a folder of its own. */
export interface TestCaddy {
  folder: string
  admin: string
  http: string
  https: string
  api: AdminApi
  log(): string
  start(): Promise<void>
  kill(): Promise<void>
  close(): Promise<void>
}

/** `config`: what others wrote, beside the admin API. `ports`: it gets them instead of free ones. */
export async function startCaddy(config: JsonRecord = {}): Promise<TestCaddy> {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-caddy-'))
  const admin = `unix/${join(folder, 'admin.sock')}`
  const [http = '', https = ''] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`)
  const file = join(folder, 'caddy.json')
  await writeFile(file, JSON.stringify({ ...initialConfig({ admin }), ...config }))
  const api = new AdminApi({ admin, adminHost: null })
  let child: ChildProcess | null = null
  let log = ''
  const kill = async () => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const start = async () => {
    const next = spawn(caddyProgram!, ['run', '--resume', '--config', file], {
      env: { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = next
    endsWithUs(next)
    next.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    for (const began = performance.now(); ; await sleep(20)) {
      if (await api.configuration().then(Boolean, () => false)) return
      if (next.exitCode === null && performance.now() - began < 20_000) continue
      await kill()
      throw new Error(`Caddy did not start: ${log}`)
    }
  }
  await start()
  return {
    folder,
    admin,
    http,
    https,
    api,
    log: () => log,
    start,
    kill,
    close: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
