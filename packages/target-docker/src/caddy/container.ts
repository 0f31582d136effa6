import { createHash } from 'node:crypto'
import { get } from 'node:http'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { localHost } from '@appaloft/core/host'
import { AppaloftError, type CallOptions, type Host, type ProbeReport } from '@appaloft/core/spec'
import { findEngine } from '../api/address.js'
import { EngineError } from '../api/client.js'
import { Engine, orNull } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import { fromEngine } from '../errors.js'
import { label } from '../names.js'
import { type DockerOptions, scopePattern } from '../options.js'
import { provide } from '../registry/pull.js'
import { containerBody } from './body.js'
import { type Folder, placeHere, placeThere } from './place.js'

interface CommonOptions extends Pick<DockerOptions, 'scope' | 'credentials'> {
  /** It must hold Caddy 2.6 or later. Pulled where it is not there. Default `caddy:2-alpine`. */
  image?: string
}

export interface CaddyContainerOptions extends CommonOptions, Pick<DockerOptions, 'host' | 'context'> {
  /** The engine's state folder. Configuration, certificates, markers and the socket of the admin API lie below it, in `docker`. */
  stateDir: string
}

export interface CaddyOnMachineOptions extends CommonOptions {
  /** The machine whose engine runs the container: `sshHost(…)`, or what the target for SSH hands to its option `proxy`. */
  machine: Host
  /**
   * A folder there, in place of the state folder: absolute, and this user's. Default `/var/lib/appaloft/caddy` for root, else
   * `~/.local/state/appaloft/caddy`, so that whoever logs in as this user finds the same container, from wherever.
   */
  root?: string
  /** Where Docker Engine listens there. Default `/var/run/docker.sock`. */
  socket?: string
}

/** A path, or, where only the machine can tell, who asks it. */
type Place = string | (() => Promise<string>)

export interface CaddyContainer<P extends Place = string> {
  /** For the options of the Caddy proxy: `caddy({ ...container.proxy })`. */
  readonly proxy: {
    readonly machine?: Host
    /** A socket that this user alone can use. */
    readonly admin: P
    /** The markers. The container sees them under the same path. */
    readonly root: P
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
const othersMs = 5_000

/**
 * A Caddy of our own as a container, for `caddy()` of `@appaloft/proxy-caddy`. It shares the network of the machine: it listens where the proxy
 * tells it to, and reaches releases at the ports of the loopback where they are published. It comes back after a crash and with the engine. Only
 * what carries our labels and belongs to this state folder is ever started, replaced or removed.
 */
export function caddyContainer(options: CaddyContainerOptions): CaddyContainer
export function caddyContainer(options: CaddyOnMachineOptions): CaddyContainer<Place>
export function caddyContainer(options: CaddyContainerOptions | CaddyOnMachineOptions): CaddyContainer<Place> {
  const { scope = 'main', image = 'caddy:2-alpine' } = options
  if (!scopePattern.test(scope))
    throw new AppaloftError('invalid-composition', {
      message: 'The scope of a Docker target is made of small letters, digits and dashes, at most 20.',
    })
  const there = 'machine' in options
  const place = there ? placeThere(options.machine, options.root, scope) : placeHere(options.stateDir)
  const nameOf = ({ owner }: Folder) => `appaloft.${scope}.caddy.${owner.slice(0, 8)}`
  const labelsOf = ({ owner }: Folder) => ({
    [label.scope]: scope,
    [label.role]: 'proxy',
    [label.folder]: owner,
  })
  const host = localHost()
  let known: Promise<Engine> | undefined
  const find = () => {
    known ??= findEngine(there ? { host: () => socketOf(options) } : options, process.env).then(
      (address) => new Engine(address),
    )
    known.catch(() => {
      known = undefined
    })
    return known
  }
  const safely = async <T>(call: CallOptions, act: (engine: Engine, at: Folder) => Promise<T>): Promise<T> => {
    try {
      call.signal?.throwIfAborted()
      return await act(await find(), await place.folder())
    } catch (error) {
      throw fromEngine(error, call.signal)
    }
  }
  const present = async (engine: Engine, at: Folder, call: CallOptions) => {
    const mine = Object.entries(labelsOf(at)).map(([key, value]) => `${key}=${value}`)
    const [first] = await engine.containers(mine, call)
    return first === undefined ? null : { id: first.Id, state: first.State, inputs: first.Labels[label.inputs] }
  }

  const start = async (
    engine: Engine,
    at: Folder,
    call: CallOptions & { config: Record<string, unknown> },
  ): Promise<void> => {
    await refuseUnfit(engine, at, call)
    const { user, source, file } = await place.ready(JSON.stringify(call.config, null, 2))
    const signal = call.signal ?? new AbortController().signal
    const settings = { pull: 'missing' as const, credentials: options.credentials ?? {} }
    const pull = { engine, settings, host, env: process.env, signal, log() {}, mayFetch: async () => {} }
    const { image: found } = await provide(pull, image)
    const { folder, run } = at
    const body = containerBody({ image: found.Id, user, folder, source, run, file })
    const inputs = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 32)
    const id = await running(engine, at, body, inputs, call)
    await untilOpen(engine, at, id, call)
  }

  /**
   * Others may do the same at the same moment. While the engine makes a container it lists it and keeps its name, and says that there is
   * no such; and what is being removed is listed until it is gone. So it is looked for again.
   */
  const running = async (engine: Engine, at: Folder, body: object, inputs: string, call: CallOptions) => {
    const name = nameOf(at)
    for (const began = performance.now(); ; await sleep(50))
      try {
        const former = await present(engine, at, call)
        if (former?.inputs === inputs) {
          // One that fails again and again waits for longer and longer in between.
          if (former.state === 'restarting') await engine.stop(former.id, 1, call)
          await engine.start(former.id, call)
          return former.id
        }
        if (former !== null) await engine.remove(former.id, call)
        await engine.create(name, { ...body, Labels: { ...labelsOf(at), [label.inputs]: inputs } }, call)
      } catch (error) {
        if (!(error instanceof EngineError) || ![404, 409].includes(error.status)) throw error
        const named = await engine.container(name, call)
        if (named !== null && named.Config.Labels[label.folder] !== at.owner)
          throw new AppaloftError('runtime-backend-unavailable', {
            message: `A container of the name ${name} is there, and it is not ours.`,
            recoveryHint: `Remove or rename the container ${name}.`,
          })
        if (performance.now() - began > othersMs) throw error
      }
  }

  /** Until somebody listens on the socket. A container that ends instead says why. */
  const untilOpen = async (engine: Engine, at: Folder, id: string, call: CallOptions): Promise<void> => {
    const socket = await place.admin()
    for (const began = performance.now(); !(await answers(socket)); await sleep(there ? 100 : 40)) {
      call.signal?.throwIfAborted()
      const seen = await engine.container(id, call)
      const running = seen?.State.Status === 'running' || seen?.State.Status === 'created'
      if (running && performance.now() - began < startMs) continue
      const said = await lastLines(engine, id, call).catch(() => [])
      throw new AppaloftError('runtime-backend-unavailable', {
        message: `Caddy’s container ${running ? 'does not answer' : 'ended'}: ${said.at(-1) ?? 'it said nothing'}`,
        recoveryHint: `Read docker logs ${nameOf(at)}, mend what it says, and deploy again.`,
        details: { container: nameOf(at), lastLogs: said },
      })
    }
  }

  const refuseUnfit = async (engine: Engine, { socket }: Folder, call: CallOptions): Promise<void> => {
    const why = await unfit(engine, call)
    if (why === null && Buffer.byteLength(socket) <= longestSocket) return
    throw new AppaloftError('runtime-backend-unavailable', {
      message: why ?? `The path ${socket} is too long for the socket of Caddy’s admin API.`,
      recoveryHint:
        why === null
          ? there
            ? 'Name a folder with a shorter path by the option root.'
            : 'Use a state folder with a shorter path.'
          : 'Run Caddy on the machine itself and name its admin API by the option admin of the proxy.',
    })
  }

  return {
    proxy: {
      ...(there && { machine: options.machine }),
      admin: place.at === null ? async () => `unix/${(await place.folder()).socket}` : `unix/${place.at.socket}`,
      root: place.at === null ? async () => (await place.folder()).root : place.at.root,
      start: (call) => safely(call, (engine, at) => start(engine, at, call)),
    },

    async probe(call = {}) {
      const check = await safely(call, async (engine, at): Promise<ProbeReport['checks'][number]> => {
        const name = nameOf(at)
        const why = await unfit(engine, call)
        const fix = 'Run Caddy on the machine itself and name its admin API by the option admin of the proxy.'
        if (why !== null) return { id: 'container', status: 'failed', message: why, fix }
        const found = await present(engine, at, call)
        if (found === null)
          return { id: 'container', status: 'passed', message: `Caddy’s container is made at first use, of ${image}.` }
        if (found.state === 'running' && (await answers(await place.admin())))
          return { id: 'container', status: 'passed', message: `Caddy runs in the container ${name}.` }
        const message = `Caddy’s container ${name} is ${found.state === 'running' ? 'running, and its admin API does not answer' : found.state}.`
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
      safely(call, async (engine, at) => {
        const found = await present(engine, at, call)
        if (found === null) return false
        // It may be gone meanwhile.
        await orNull(engine.stop(found.id, 10, call))
        await orNull(engine.remove(found.id, call))
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
  if (security.some((one) => one.includes('name=userns')))
    return 'Caddy cannot be run as a container: the engine gives containers other users, which have no port of this machine.'
  if (security.some((one) => one.includes('rootless')))
    return 'Caddy cannot be run as a container: the engine runs rootless, its containers have no port of this machine.'
  if (system === 'Docker Desktop')
    return 'Caddy cannot be run as a container: the engine runs in a virtual machine of Docker Desktop.'
  return null
}

/** Whatever it says: a way through a forward is open before anybody listens at its end. */
const answers = (socketPath: string): Promise<boolean> =>
  new Promise((done) => {
    const request = get({ socketPath, path: '/', agent: false, setHost: false, headers: { host: '' } }, (answer) => {
      answer.resume()
      done(true)
    })
    request.setTimeout(5_000, () => request.destroy()).on('error', () => done(false))
  })

/** The engine of the machine, as an address here. */
async function socketOf({ machine, socket: path = '/var/run/docker.sock' }: CaddyOnMachineOptions): Promise<string> {
  const { address } = await machine.forward({ kind: 'unix', path })
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`
}

async function lastLines(engine: Engine, id: string, call: CallOptions): Promise<string[]> {
  const lines: string[] = []
  await readFrames(await engine.logs(id, { follow: false, tail: 20 }, call), ({ text }) => lines.push(text))
  return lines
}
