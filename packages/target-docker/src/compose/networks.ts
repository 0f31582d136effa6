import { createHash } from 'node:crypto'
import { AppaloftError, type RunningRef } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import type { Parts } from '../containers/start.js'
import { label } from '../names.js'
import type { Project, Service } from './model.js'
import { projectName } from './resolve.js'

type Place = Pick<Parts, 'engine' | 'names'>

/** The networks of a project by their keys, made where they are missing. A network whose settings change is another network. */
export async function provideNetworks(
  { engine, names }: Place,
  resourceId: string,
  project: Project,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const used = new Set(Object.values(project.services).flatMap((one) => Object.keys(one.networks)))
  const provided = new Map<string, string>()
  for (const key of used) {
    const network = project.networks[key] ?? project.networks.default
    const usual = `${projectName(names.scope, resourceId)}_${key}`
    if (network?.external) {
      const name = network.name ?? key
      if ((await engine.network(name, { signal })) === null)
        throw new AppaloftError('start-failed', {
          message: `The Compose files name the external network ${name}, and the engine has none.`,
          details: { profileField: 'runtime.composeFiles' },
          recoveryHint: `Create it with docker network create ${name}, or take external away.`,
        })
      provided.set(key, name)
      continue
    }
    const settings = {
      Driver: network?.driver ?? 'bridge',
      Internal: network?.internal ?? false,
      Attachable: network?.attachable ?? false,
      EnableIPv6: network?.enable_ipv6 ?? false,
      Options: network?.driver_opts ?? {},
      IPAM: ipamOf(network?.ipam),
    }
    const hash = createHash('sha256').update(JSON.stringify(settings)).digest('hex')
    const fixed = network?.name !== undefined && network.name !== usual
    const name = fixed ? network.name! : names.network(resourceId, key, hash)
    const labels = { ...network?.labels, ...names.labels({ resourceId }, 'network', { [label.network]: key }) }
    if ((await engine.network(name, { signal })) === null)
      await createOnce(engine, { Name: name, CheckDuplicate: true, ...settings, Labels: labels }, signal)
    provided.set(key, name)
  }
  return provided
}

function ipamOf(ipam: Project['networks'][string]['ipam']): object {
  const words: Record<string, string> = {
    subnet: 'Subnet',
    gateway: 'Gateway',
    ip_range: 'IPRange',
    aux_addresses: 'AuxiliaryAddresses',
  }
  return {
    Driver: ipam?.driver ?? 'default',
    Config: (ipam?.config ?? []).map((one) =>
      Object.fromEntries(Object.entries(one).map(([key, value]) => [words[key] ?? key, value])),
    ),
  }
}

async function createOnce(engine: Engine, body: object, signal: AbortSignal): Promise<void> {
  await engine.createNetwork(body, { signal }).catch((error: unknown) => {
    if (!(error instanceof EngineError)) throw error
    // Made by a call that did not come to its end.
    if (error.status === 409) return
    const full = /non-overlapping|address pool|fully subnetted/i.test(error.message)
    throw new AppaloftError('start-failed', {
      message: `The engine made no network: ${error.message}`,
      recoveryHint: full
        ? 'Remove unused networks (docker network prune), or give the engine larger default-address-pools.'
        : 'Change the networks of the Compose file, then deploy again.',
      cause: error,
    })
  })
}

export interface NameNetwork {
  id: string
  name: string
  /** Of the project's networks, the one that it goes with. */
  key: string
  rank: number
  deploymentId: string
}

/** The networks in which releases have the service's name, the one that decides first. */
export async function nameNetworks(
  { engine, names }: Place,
  resourceId: string,
  signal?: AbortSignal,
): Promise<NameNetwork[]> {
  const found = await engine.networks(names.ofResource(resourceId, 'name'), { signal })
  return found
    .map(({ Id: id, Name: name, Labels: labels }) => ({
      ...{ id, name, key: labels[label.network] ?? '', rank: Number(labels[label.rank]) },
      deploymentId: labels[label.deployment] ?? '',
    }))
    .sort((a, b) => a.rank - b.rank)
}

const highestRank = 9_999_999

/** Ranks fall: what is made last is asked first. It leads no further than the project's network that it goes with. */
export async function makeNameNetwork(
  { engine, names }: Place,
  ref: RunningRef,
  project: Project,
  key: string,
  signal: AbortSignal,
): Promise<NameNetwork> {
  const all = (await nameNetworks({ engine, names }, ref.resourceId, signal)).filter((one) => one.key === key)
  const present = all.find((one) => one.deploymentId === ref.deploymentId)
  if (present !== undefined) return present
  const rank = (all[0]?.rank ?? highestRank) - 1
  const name = names.nameNetwork(ref.resourceId, key, rank)
  const labels = names.labels(ref, 'name', { [label.network]: key, [label.rank]: String(rank) })
  const network = project.networks[key]
  const outer = network?.external ? await engine.network(network.name ?? key, { signal }) : null
  const Internal = outer?.Internal ?? network?.internal ?? false
  await createOnce(engine, { Name: name, CheckDuplicate: true, Driver: 'bridge', Internal, Labels: labels }, signal)
  return { id: name, name, key, rank, deploymentId: ref.deploymentId }
}

/** Idempotent. */
export async function join(
  engine: Engine,
  network: string,
  container: string,
  endpoint: object,
  signal?: AbortSignal,
): Promise<void> {
  await engine.connect(network, container, endpoint, { signal }).catch((error: unknown) => {
    if (
      !(error instanceof EngineError) ||
      !/already exists in network|already attached|already connected/i.test(error.message)
    )
      throw error
  })
}

/** Takes away networks that nobody needs any more. One that still has containers of somebody's stays. */
export async function removeNetworks(
  engine: Engine,
  ids: readonly string[],
  members: readonly string[],
  signal?: AbortSignal,
) {
  for (const id of ids) {
    for (const member of members)
      await engine.disconnect(id, member, { signal }).catch((error: unknown) => {
        if (!(error instanceof EngineError)) throw error
      })
    await engine.removeNetwork(id, { signal }).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.status !== 403) throw error
    })
  }
}

/** The names that a service is found by: its own, its container's, its aliases, and what services that link to it call it. */
export const aliasesOf = (project: Project, name: string, service: Service, key: string): string[] => {
  const linked = Object.values(project.services).flatMap((one) =>
    one.links.flatMap((link) => {
      const [to, alias] = link.split(':')
      return to === name && alias !== undefined ? [alias] : []
    }),
  )
  const fixed = service.container_name === undefined ? [] : [service.container_name]
  return [...new Set([name, ...fixed, ...(service.networks[key]?.aliases ?? []), ...linked])]
}
