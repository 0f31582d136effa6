import { join } from 'node:path'
import process from 'node:process'
import { createAppaloft } from '@appaloft/core'
import type { Host, Proxy, ResourceDefinition, RouteTable } from '@appaloft/core/spec'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { type SshHostOptions, ssh } from '@appaloft/target-ssh'
import { listen, say } from './programs.js'

/** Someone's laptop: an engine with a store of its own, which deploys to a machine that others deploy to as well. */
export interface Laptop {
  folder: string
  scope: string
  cli: string
  caddy: { admin: string; http: string; https: string; root: string }
  concurrency: 'supersede' | 'wait' | 'reject'
  /** The way to the machine; null: it is this one. */
  remote: { host: SshHostOptions; socket: string } | null
  resource: ResourceDefinition
}

const laptop = JSON.parse(process.argv[2] ?? '') as Laptop
const { folder, scope, cli, remote, resource } = laptop
let stops = false

/** Stops itself (SIGSTOP) between its last check and its promotion. */
const proxyOf = (machine?: Host): Proxy => {
  const made = caddy({ ...laptop.caddy, tls: 'off', ...(machine ? { machine } : {}) })
  const promotes = ({ live, staged, verify }: RouteTable) => live?.deploymentId === verify?.deploymentId && !staged
  return {
    ...made,
    apply: async (id, table, ...rest) => {
      if (stops && promotes(table)) {
        stops = false
        await new Promise((sent) => process.send?.({ is: 'stopping' }, sent))
        process.kill(process.pid, 'SIGSTOP')
      }
      await made.apply(id, table, ...rest)
    },
  }
}

const target = remote
  ? ssh({ host: remote.host, socket: remote.socket, scope, cli, proxy: proxyOf })
  : docker({ scope, cli, proxy: proxyOf() })
const appaloft = createAppaloft({
  store: sqlite({ path: join(folder, 'state/appaloft.db') }),
  stateDir: join(folder, 'state'),
  planners: [dockerfile()],
  targets: [target],
  concurrency: laptop.concurrency,
})

listen({
  async deploy({ stop }) {
    stops = stop === true
    const handle = await appaloft.deployments.create(
      { resource },
      { onEvent: ({ type, step, data }) => say('event', { type, step, data }) },
    )
    say('begun', { id: handle.id })
    const { id, status, failure, supersededBy } = await handle.done
    say('ended', { id, status, code: failure?.code ?? null, supersededBy })
  },
  async reconcile() {
    say('reconciled', { ...(await appaloft.reconcile()) })
  },
  async close() {
    await appaloft.close()
    process.disconnect()
  },
})
say('ready')
