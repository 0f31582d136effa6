import type { Host, Proxy } from '@appaloft/core/spec'
import type { CompositionConfig } from '../config/define.js'
import { usageError } from '../errors.js'
import type { CaddyConfig, MachineChoice } from './config.js'
import { machineKey } from './machines.js'
import { checksOf, probing, type TargetPart } from './part.js'

/** Releases as containers of a machine behind SSH, with Caddy there. Nothing is connected to before the engine's first call. */
export async function composeSsh(
  { ssh: config, caddy }: MachineChoice,
  { credentials }: CompositionConfig,
): Promise<TargetPart> {
  const { ssh, sshHost } = await import('@appaloft/target-ssh')
  const { destination, port, identityFile, configFile, knownHosts, connectTimeoutSeconds, hosts: _, ...rest } = config
  const host = sshHost({
    destination,
    ...(port && { port }),
    ...(identityFile && { identityFile }),
    ...(configFile && { configFile }),
    ...(knownHosts && { knownHosts }),
    ...(connectTimeoutSeconds && { connectTimeoutSeconds }),
  })
  const options = { ...defined(rest), ...(credentials && { credentials }) }
  const behind = await (caddy.admin === undefined ? behindOwnCaddy(host, caddy, options) : behindCaddy(host, caddy))
  const key = machineKey(config)
  const target = ssh({ ...options, key, host, proxy: behind.proxy, webPorts: webPorts(caddy) })
  return {
    target,
    checkProxy: async () => checksOf(`${key}.caddy`, await behind.probe()),
    removeProxy: behind.remove,
    async close() {
      await behind.close()
      await host.close()
    },
  }
}

const webPorts = ({ http = ':80', https = ':443', tls }: CaddyConfig): number[] =>
  (tls === 'off' ? [http] : [http, https]).map((listen) => Number(/:(\d+)$/.exec(listen)?.[1])).filter(Number.isInteger)

interface BehindCaddy {
  proxy: Proxy
  probe(): ReturnType<typeof import('@appaloft/proxy-caddy').probeCaddy>
  remove: (() => Promise<boolean>) | null
  close(): Promise<void>
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without what is not set. */
const defined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>

/** One that runs there already: used, and never started or stopped. */
async function behindCaddy(machine: Host, { image: _, ...given }: CaddyConfig): Promise<BehindCaddy> {
  const { caddy, probeCaddy } = await import('@appaloft/proxy-caddy')
  if (given.root === undefined)
    throw usageError(
      'A Caddy that runs on the machine already needs a folder there for its markers.',
      "Name one that this user may write and Caddy may read: caddy: { admin, root: '/var/lib/appaloft/caddy' }.",
    )
  const options = { ...defined(given), machine }
  return { proxy: caddy(options), probe: () => probeCaddy(options, probing()), remove: null, close: async () => {} }
}

/** A container of ours on the machine's engine, started where it does not run. */
async function behindOwnCaddy(
  machine: Host,
  { image, root, ...given }: CaddyConfig,
  { scope, socket, credentials }: { scope?: string; socket?: string } & Pick<CompositionConfig, 'credentials'>,
): Promise<BehindCaddy> {
  const [{ caddy, probeCaddy }, { caddyContainer }] = await Promise.all([
    import('@appaloft/proxy-caddy'),
    import('@appaloft/target-docker'),
  ])
  const container = caddyContainer({
    machine,
    ...(root && { root }),
    ...(scope && { scope }),
    ...(socket && { socket }),
    ...(credentials && { credentials }),
    ...(image && { image }),
  })
  const options = { ...defined(given), ...container.proxy }
  return {
    proxy: caddy(options),
    async probe() {
      const own = await container.probe(probing())
      if (!own.ok) return own
      const served = await probeCaddy(options, probing())
      return { ok: served.ok, checks: [...own.checks, ...served.checks] }
    },
    remove: () => container.remove(),
    close: () => container.close(),
  }
}
