import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { cli } from '../../target-docker/test/engine.js'
import type { SshOptions } from '../src/index.js'
import { haveSshd, type Sshd, type SshdOptions, startSshd } from './sshd.js'

const parts = process.env.APPALOFT_TEST_PARTS

/** Further engines can be started only where the tests made, or could make, the first one themselves. */
export const haveMachines = parts !== undefined && haveSshd
export const withoutMachines =
  '(needs engines of the tests’ own: run it with node scripts/engines.mjs, as root on Debian or Ubuntu)'

export interface OwnEngine {
  folder: string
  /** `unix://` and its socket. */
  host: string
  /** Starts dockerd, also again after it was stopped. */
  start(): Promise<void>
  stop(signal?: string): Promise<void>
  close(): Promise<void>
}

export interface FarMachineOptions {
  /** Images of the tests' engine that it begins with. Default: none at all. */
  images?: readonly string[]
  /** Further arguments of its dockerd, such as `--live-restore`. */
  dockerd?: readonly string[]
  /** Its images, containers and volumes have a disk of that size for themselves. */
  diskMiB?: number
  sshd?: SshdOptions
}

export interface FarMachine {
  engine: OwnEngine
  sshd: Sshd
  /** Where its engine listens, on the machine. */
  socket: string
  /** How a target reaches it. */
  options(): Pick<SshOptions, 'host' | 'socket'>
  /** Ends both with everything that they run. */
  close(): Promise<void>
}

/**
 * A machine of its own for as long as a test needs it: an engine beside that of the tests, with its own images, networks and containers, behind an
 * sshd of its own. Both end with this process, however that happens. Published ports are those of this machine, for all of them.
 */
export async function farMachine(options: FarMachineOptions = {}): Promise<FarMachine> {
  const program = new URL('../../../scripts/engines/engine.mjs', import.meta.url).href
  const { startEngine } = (await import(program)) as { startEngine(options: object): Promise<OwnEngine> }
  const { dockerd = [], diskMiB, images = [] } = options
  const engine = await startEngine({ parts, dockerd, diskMiB })
  try {
    const [sshd] = await Promise.all([startSshd(options.sshd), sendImages(engine.host, images)])
    const socket = engine.host.replace('unix://', '')
    const close = async () => {
      await sshd.close()
      await engine.close()
    }
    return { engine, sshd, socket, options: () => ({ host: sshd.options(), socket }), close }
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** Several of them. */
export const farMachines = (count: number, options: FarMachineOptions = {}): Promise<FarMachine[]> =>
  Promise.all(Array.from({ length: count }, () => farMachine(options)))

/** From the tests' engine to another one, as `docker save | docker load` does. */
export async function sendImages(host: string, images: readonly string[]): Promise<void> {
  if (images.length === 0) return
  const save = spawn(cli, ['save', ...images], { stdio: ['ignore', 'pipe', 'inherit'] })
  const load = spawn(cli, ['--host', host, 'load'], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(load, 'exit')
  await pipeline(save.stdout, load.stdin)
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`The images could not be loaded: ${code}.`)
}
