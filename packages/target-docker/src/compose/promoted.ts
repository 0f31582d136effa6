import { readFile } from 'node:fs/promises'
import type { ReleaseInput, RunningRef } from '@appaloft/core/spec'
import { type Engine, orNull } from '../api/engine.js'
import { instancesOf } from '../containers/find.js'
import type { Parts } from '../containers/start.js'
import { checkMark } from '../marks.js'
import { bundleOf, hashOf, ordered } from './bundle.js'
import { replicasOf, type Service } from './model.js'
import { aliasesOf, join, makeNameNetwork, nameNetworks, removeNetworks } from './networks.js'
import { type Running, runs, servicesOf, startNamed } from './services.js'
import { removeProjectNetworks } from './sweep.js'

/**
 * The release takes the service's name, in a network of its own: an endpoint that is connected gets no new name, and to connect it anew would cut what it
 * serves. Every service is joined to it, and asks it first; the former release keeps its network until it is removed. Idempotent.
 */
export async function promotedProject(parts: Parts, input: ReleaseInput, previous: RunningRef | null): Promise<void> {
  const { engine, names } = parts
  const { resourceId, signal } = input
  const bundle = bundleOf(input.release)
  const { project, candidate } = bundle
  const service = project.services[candidate]!
  const services = ordered(bundle)
  const wanted = new Map(services.flatMap((one) => (one.role === 'once' ? [] : [[one.name, one] as const])))
  const isWanted = (one: Running) => {
    const found = wanted.get(one.service)
    return (
      found !== undefined &&
      one.index < replicasOf(found.service) &&
      one.hash === hashOf(bundle, one.service, input.release.plan)
    )
  }
  const all = await servicesOf(parts, resourceId, signal)
  // What was replaced is no longer needed to go back to.
  for (const one of all) if (!isWanted(one)) await orNull(engine.remove(one.name, { signal }))
  const present = all.filter(isWanted)
  const instances = await instancesOf(engine, names, input, signal)
  await checkMark(engine, names, resourceId, input.token, signal)
  for (const key of Object.keys(service.networks)) {
    const network = await makeNameNetwork(parts, input, project, key, signal)
    for (const one of present)
      if (key in (project.services[one.service]?.networks ?? {})) await join(engine, network.id, one.id, {}, signal)
    const Aliases = aliasesOf(project, candidate, service, key)
    for (const one of instances) await join(engine, network.id, one.id, { Aliases }, signal)
  }
  for (const one of present) {
    const RestartPolicy = policyOf(wanted.get(one.service)!.service)
    await orNull(engine.update(one.name, { RestartPolicy }, { signal }))
    // It may have ended because the name that it needs was nobody's yet.
    if (!runs(one)) await startNamed(parts, input, one.name)
  }
  if (previous !== null) await quiet(parts, previous, input.release.plan.network.drainSeconds * 1000, signal)
  const left = (await nameNetworks(parts, resourceId, signal)).filter(
    (one) => one.deploymentId !== input.deploymentId && one.deploymentId !== previous?.deploymentId,
  )
  await removeNetworks(
    engine,
    left.map(({ id }) => id),
    present.map(({ id }) => id),
    signal,
  )
  await removeProjectNetworks(parts, resourceId, signal)
}

/** A service whose file says nothing comes back, with the engine too. */
function policyOf({ restart }: Service): object {
  const [name = 'unless-stopped', count] = restart?.split(':') ?? []
  return { Name: name, ...(count === undefined ? {} : { MaximumRetryCount: Number(count) }) }
}

const lookMs = 50
const quietLooks = 5

/**
 * Until no service has a connection to the former release by its name. New ones go elsewhere; requests in them end. Those that stay open without a request
 * are not told apart, so that the time to drain bounds it. Only where processes are this machine's can it be seen.
 */
async function quiet({ engine, names }: Parts, ref: RunningRef, longestMs: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + longestMs
  const own = (await nameNetworks({ engine, names }, ref.resourceId, signal)).filter(
    (one) => one.deploymentId === ref.deploymentId,
  )
  if (own.length === 0 || engine.address.kind !== 'unix') return
  for (let looks = 0; looks < quietLooks && performance.now() < end; ) {
    const open = await connections(
      { engine, names },
      ref,
      own.map(({ name }) => name),
      signal,
    )
    if (open === null) return
    looks = open === 0 ? looks + 1 : 0
    await new Promise((resolve) => setTimeout(resolve, lookMs))
    signal.throwIfAborted()
  }
}

async function connections(
  { engine, names }: { engine: Engine; names: Parts['names'] },
  ref: RunningRef,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<number | null> {
  let open = 0
  for (const { id } of await instancesOf(engine, names, ref, signal)) {
    const container = await engine.container(id, { signal })
    if (container === null || container.State.Status !== 'running') continue
    const table = await tableOf(id, container.State.Pid)
    if (table === null) return null
    for (const network of networks) {
      const address = container.NetworkSettings.Networks[network]?.IPAddress
      if (address) open += established(table, address)
    }
  }
  return open
}

async function tableOf(id: string, pid: number): Promise<string | null> {
  try {
    // A number of another machine's process may be anybody here.
    if (!(await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(id)) return null
    const tables = ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => ''))
    return (await Promise.all(tables)).join('\n')
  } catch {
    return null
  }
}

/** Rows such as `1: 0200CB0A:1F90 0300CB0A:D2F0 01 …`, where 01 is an open connection. Addresses are in the machine's order of bytes. */
export function established(table: string, address: string): number {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))
  const hex = bytes.reverse().join('').toUpperCase()
  const rows = table.matchAll(new RegExp(`\\d+: (?:0{16}FFFF0000)?${hex}:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} 01`, 'g'))
  return [...rows].length
}
