import type { Host, Proxy, Target } from '@appaloft/core/spec'
import { type DockerOptions, docker } from '@appaloft/target-docker'
import { forwardedSocket, usualSocket, whyUnusable } from './docker-socket.js'
import { lastingProxy, lastingTarget } from './lasting.js'
import type { SshHostOptions } from './options.js'
import { probeMachine } from './probe.js'
import { Reaching } from './reaching.js'
import { sshHost } from './sshHost.js'

export interface SshOptions extends Omit<DockerOptions, 'host' | 'unanswered' | 'context' | 'proxy'> {
  /** The machine: how to connect to it, or a host that is there already, which then is not closed with the target. */
  host: SshHostOptions | Host
  /** What routes to the releases, on that machine too; as a function, made of it. Default: none, and exposure `proxy` is not offered. */
  proxy?: Proxy | ((machine: Host) => Proxy) | null
  /** Where Docker Engine listens on the machine. Default `/var/run/docker.sock`. */
  socket?: string
  /** The machine as its users name it, for the URLs of direct ports. Default: the host of `destination`. */
  address?: string
  /** Where the proxy serves users, for `probe`, which tells who else listens there. Default 80 and 443. */
  webPorts?: readonly number[]
  /** Unique among the targets of an engine. Default `ssh`. */
  key?: string
}

const nameOf = (host: SshHostOptions | Host): string => {
  const name = (isHost(host) ? host.key : host.destination).replace(/^.*@/, '')
  return name.includes('::') ? `[${name.replace(/%.*/, '')}]` : name.replace(/:\d+$/, '')
}

const isHost = (host: SshHostOptions | Host): host is Host => 'exec' in host

/**
 * The Docker Engine of another machine, over SSH: the Docker target, with the machine's engine and the ports of its releases forwarded.
 * Builds run there, unless `build` says otherwise; the `docker` command with buildx is needed here, and sends what is built. The context of a
 * build goes through the connection, and no registry is needed.
 *
 *     createAppaloft({ targets: [ssh({ host: { destination: 'deploy@web1' } })], … })
 */
export function ssh(options: SshOptions): Target {
  const {
    host: given,
    socket = usualSocket,
    key = 'ssh',
    address,
    proxy = null,
    webPorts = [80, 443],
    ...rest
  } = options
  const host = isHost(given) ? given : sshHost(given)
  const reaching = new Reaching(host)
  const made = typeof proxy === 'function' ? proxy(host) : proxy
  const inner = docker({
    records: true,
    ...rest,
    key,
    proxy: made === null ? null : lastingProxy(host, made),
    host: () => forwardedSocket(host, socket),
    unanswered: () => whyUnusable(host, socket),
  })
  return lastingTarget(host, {
    ...inner,
    address: address ?? nameOf(given),

    async probe(call = {}) {
      const settings = { socket, ports: inner.proxy === null ? [] : webPorts }
      const checks = await probeMachine(host, settings, call)
      // Without the way there, every other check would say the same in other words.
      if (checks.every(({ id, status }) => status !== 'failed' || !['machine', 'docker-access'].includes(id)))
        checks.push(...(await inner.probe(call)).checks)
      return { ok: checks.every(({ status }) => status !== 'failed'), checks }
    },

    reach: async (ref, port, call) => await reaching.of(ref, await inner.reach(ref, port, call), call),

    async remove(ref, token, call) {
      await inner.remove(ref, token, call)
      await reaching.forget(ref)
    },

    async close() {
      await inner.close?.()
      if (!isHost(given)) await host.close()
    },
  })
}
