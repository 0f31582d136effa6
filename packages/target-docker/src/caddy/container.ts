import { createHash, randomUUID } from 'node:crypto'
import { mkdir, realpath, rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { localHost } from '@appaloft/core/host'
import { AppaloftError, type CallOptions, type ProbeReport } from '@appaloft/core/spec'
import { findEngine } from '../api/address.js'
import { EngineError } from '../api/client.js'
import { Engine } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import { fromEngine } from '../errors.js'
import { label } from '../names.js'
import { type DockerOptions, scopePattern } from '../options.js'
import { provide } from '../registry/pull.js'
import { containerBody } from './body.js'

export interface CaddyContainerOptions extends Pick<DockerOptions, 'host' | 'context' | 'scope' | 'credentials'> {
  /** The engine's state folder. Configuration, certificates, markers and the socket of the admin API lie below it, in `docker`. */
  stateDir: string
  /** It must hold Caddy 2.6 or later. Pulled where it is not there. Default `caddy:2-alpine`. */
  image?: string
}

export interface CaddyContainer {
  /** For the options of the Caddy proxy: `caddy({ ...container.proxy })`. */
  readonly proxy: {
    /** A socket that this user alone can use. */
    readonly admin: string
    /** The markers. The container sees them under the same path. */
    readonly root: string
    start(options: CallOptions & { config: Record<string, unknown> }): Promise<void>
  }
  /** Is it there, and does it run? Reads only. */
  probe(options?: CallOptions): Promise<ProbeReport>
  /**
   * Stops it and takes it away; certificates and configuration stay in the state folder. Idempotent. What it serves is served no more: ask
   * this where nothing is live behind it. Answers whether there was one.
   */
  remove(options?: CallOptions): Promise<boolean>
  /** Closes connections; the container goes on. */
  close(): Promise<void>
}

/** A path of a socket is cut by the kernel after 107 bytes. */
const longestSocket = 103
const startMs = 15_000

/**
 * A Caddy of our own as a container, for `caddy()` of `@appaloft/proxy-caddy`. It shares the network of the machine: it listens where the proxy
 * tells it to, and reaches releases at the ports of the loopback where they are published. It comes back after a crash and with the engine. Only
 * what carries our labels and belongs to this state folder is ever started, replaced or removed.
 */
export function caddyContainer(options: CaddyContainerOptions): CaddyContainer {
  const { scope = 'main', image = 'caddy:2-alpine' } = options
  if (!scopePattern.test(scope))
    throw new AppaloftError('invalid-composition', {
      message: 'The scope of a Docker target is made of small letters, digits and dashes, at most 20.',
    })
  const folder = join(resolve(options.stateDir), 'docker')
  const run = join(folder, 'run')
  const socket = join(run, 'admin.sock')
  const owner = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  const name = `appaloft.${scope}.caddy.${owner.slice(0, 8)}`
  const labels = { [label.scope]: scope, [label.role]: 'proxy', [label.folder]: owner }
  const mine = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const host = localHost()
  let known: Promise<Engine> | undefined
  const find = () => {
    known ??= findEngine(options, process.env).then((address) => new Engine(address))
    known.catch(() => {
      known = undefined
    })
    return known
  }
  const safely = async <T>(call: CallOptions, act: (engine: Engine) => Promise<T>): Promise<T> => {
    try {
      call.signal?.throwIfAborted()
      return await act(await find())
    } catch (error) {
      throw fromEngine(error, call.signal)
    }
  }
  const present = async (engine: Engine, call: CallOptions) => {
    const [first] = await engine.containers(mine, call)
    return first === undefined ? null : { id: first.Id, state: first.State, inputs: first.Labels[label.inputs] }
  }

  const start = async (engine: Engine, call: CallOptions & { config: Record<string, unknown> }): Promise<void> => {
    await refuseUnfit(engine, call)
    for (const path of [folder, run]) await mkdir(path, { recursive: true, mode: 0o700 })
    const file = join(run, 'caddy.json')
    const fresh = `${file}.${randomUUID()}`
    await writeFile(fresh, JSON.stringify(call.config, null, 2), { mode: 0o600 })
    await rename(fresh, file)
    const signal = call.signal ?? new AbortController().signal
    const settings = { pull: 'missing' as const, credentials: options.credentials ?? {} }
    const place = { engine, settings, host, env: process.env, signal, log() {}, mayFetch: async () => {} }
    const { image: found } = await provide(place, image)
    // Where links lead, since the container knows none of them.
    const body = containerBody({ image: found.Id, folder, source: await realpath(folder), run, file })
    const inputs = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 32)
    const there = await present(engine, call)
    if (there !== null && there.inputs !== inputs) await engine.remove(there.id, call)
    if (there?.inputs !== inputs)
      await engine.create(name, { ...body, Labels: { ...labels, [label.inputs]: inputs } }, call).catch((error) => {
        // Somebody else has just made it, in another process.
        if (!(error instanceof EngineError) || error.status !== 409) throw error
      })
    const one = await made(engine, call)
    // One that fails again and again waits for longer and longer in between.
    if (one.state === 'restarting') await engine.stop(one.id, 1, call)
    await engine.start(one.id, call)
    await untilOpen(engine, one.id, call)
  }

  /** A name that is taken may be that of ours, which another process is just making: it is listed a moment later. */
  const made = async (engine: Engine, call: CallOptions) => {
    for (let tries = 0; tries < 100; tries += 1) {
      const found = await present(engine, call)
      if (found !== null) return found
      const named = await engine.container(name, call)
      if (named !== null && named.Config.Labels[label.folder] !== owner) break
      await sleep(50)
    }
    throw new AppaloftError('runtime-backend-unavailable', {
      message: `A container of the name ${name} is there, and it is not ours.`,
      recoveryHint: `Remove or rename the container ${name}.`,
    })
  }

  /** Until somebody listens on the socket. A container that ends instead says why. */
  const untilOpen = async (engine: Engine, id: string, call: CallOptions): Promise<void> => {
    for (const began = performance.now(); !(await isOpen(socket)); await sleep(40)) {
      call.signal?.throwIfAborted()
      const seen = await engine.container(id, call)
      const running = seen?.State.Status === 'running' || seen?.State.Status === 'created'
      if (running && performance.now() - began < startMs) continue
      const said = await lastLines(engine, id, call).catch(() => [])
      throw new AppaloftError('runtime-backend-unavailable', {
        message: `Caddy’s container ${running ? 'does not answer' : 'ended'}: ${said.at(-1) ?? 'it said nothing'}`,
        recoveryHint: `Read docker logs ${name}, mend what it says, and deploy again.`,
        details: { container: name, lastLogs: said },
      })
    }
  }

  const refuseUnfit = async (engine: Engine, call: CallOptions): Promise<void> => {
    const why = await unfit(engine, call)
    if (why === null && Buffer.byteLength(socket) <= longestSocket) return
    throw new AppaloftError('runtime-backend-unavailable', {
      message: why ?? 'The path of the state folder is too long for the socket of Caddy’s admin API.',
      recoveryHint:
        why === null
          ? 'Use a state folder with a shorter path.'
          : 'Run Caddy on the machine itself and name its admin API by the option admin of the proxy.',
    })
  }

  return {
    proxy: {
      admin: `unix/${socket}`,
      root: join(folder, 'caddy'),
      start: (call) => safely(call, (engine) => start(engine, call)),
    },

    async probe(call = {}) {
      const check = await safely(call, async (engine): Promise<ProbeReport['checks'][number]> => {
        const why = await unfit(engine, call)
        const fix = 'Run Caddy on the machine itself and name its admin API by the option admin of the proxy.'
        if (why !== null) return { id: 'container', status: 'failed', message: why, fix }
        const there = await present(engine, call)
        if (there === null)
          return { id: 'container', status: 'passed', message: `Caddy’s container is made at first use, of ${image}.` }
        if (there.state === 'running' && (await isOpen(socket)))
          return { id: 'container', status: 'passed', message: `Caddy runs in the container ${name}.` }
        const message = `Caddy’s container ${name} is ${there.state === 'running' ? 'running, and its admin API does not answer' : there.state}.`
        return {
          id: 'container',
          status: 'failed',
          message,
          fix: `Read docker logs ${name}; appaloft reconcile starts it again.`,
        }
      }).catch((error: unknown) => {
        if (!AppaloftError.isInstance(error)) throw error
        return { id: 'container', status: 'failed' as const, message: error.message, fix: error.recoveryHint }
      })
      return { ok: check.status !== 'failed', checks: [check] }
    },

    remove: (call = {}) =>
      safely(call, async (engine) => {
        const there = await present(engine, call)
        if (there === null) return false
        await engine.stop(there.id, 10, call)
        await engine.remove(there.id, call)
        return true
      }),

    async close() {
      await host.close()
      const engine = await known?.catch(() => undefined)
      engine?.client.close()
      known = undefined
    },
  }
}

/** Why a container cannot have this machine's network and files there; null: it can. */
async function unfit(engine: Engine, call: CallOptions): Promise<string | null> {
  if (engine.address.kind !== 'unix') return 'Caddy cannot be run as a container: the engine is not on this machine.'
  const { SecurityOptions: security, OperatingSystem: system } = await engine.info(call)
  if (security.some((one) => one.includes('rootless')))
    return 'Caddy cannot be run as a container: the engine runs rootless, its containers have no port of this machine.'
  if (system === 'Docker Desktop')
    return 'Caddy cannot be run as a container: the engine runs in a virtual machine of Docker Desktop.'
  return null
}

const isOpen = (socket: string): Promise<boolean> =>
  new Promise((done) => {
    const attempt = connect(socket)
    attempt.once('connect', () => done(true)).once('error', () => done(false))
    attempt.once('connect', () => attempt.destroy())
  })

async function lastLines(engine: Engine, id: string, call: CallOptions): Promise<string[]> {
  const lines: string[] = []
  await readFrames(await engine.logs(id, { follow: false, tail: 20 }, call), ({ text }) => lines.push(text))
  return lines
}
