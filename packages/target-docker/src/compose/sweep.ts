import { AppaloftError, type ReleaseRecord, type RunningRef } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import { orNull } from '../api/engine.js'
import type { Parts } from '../containers/start.js'
import { checkMark } from '../marks.js'
import { bundleOf, hashOf, isProject, ordered } from './bundle.js'
import { replicasOf } from './model.js'
import { nameNetworks, removeNetworks } from './networks.js'
import { runs, servicesOf, startNamed } from './services.js'
import { untilReady } from './waiting.js'

type Place = Pick<Parts, 'engine' | 'names'>

/** The services of a project with its networks; its volumes stay. Does nothing where there are none. @param found by `projectThings` */
export async function removeProject(
  place: Place,
  resourceId: string,
  signal?: AbortSignal,
  found = projectThings(place, resourceId, signal),
): Promise<void> {
  const { engine } = place
  const [services, named, networks] = await found
  if (services.length + named.length + networks.length === 0) return
  for (const one of services) {
    if (runs(one)) await orNull(engine.stop(one.name, undefined, { signal }))
    await orNull(engine.remove(one.name, { signal }))
  }
  await removeNetworks(
    engine,
    named.map(({ id }) => id),
    [],
    signal,
  )
  await removeProjectNetworks(place, resourceId, signal)
}

/** Of a project, whatever of it is there: only looked for. */
export const projectThings = (place: Place, resourceId: string, signal?: AbortSignal) =>
  Promise.all([
    servicesOf(place, resourceId, signal),
    nameNetworks(place, resourceId, signal),
    place.engine.networks(place.names.ofResource(resourceId, 'network'), { signal }),
  ])

/** Those with containers stay: a service that no longer has one of them may still be in it. */
export async function removeProjectNetworks(place: Place, resourceId: string, signal?: AbortSignal): Promise<void> {
  const { engine, names } = place
  const used = await usedNetworks(place, resourceId, signal)
  const all = await engine.networks(names.ofResource(resourceId, 'network'), { signal })
  const unused = all.filter((one) => !used.has(one.Id) && !used.has(one.Name))
  await removeNetworks(
    engine,
    unused.map(({ Id: id }) => id),
    [],
    signal,
  )
}

/** Also by containers that do not run: without it they could not be started again. */
async function usedNetworks({ engine, names }: Place, resourceId: string, signal?: AbortSignal): Promise<Set<string>> {
  const used = new Set<string>()
  for (const { Id: id } of await engine.containers(names.ofResource(resourceId), { signal })) {
    const container = await engine.container(id, { signal })
    for (const [name, one] of Object.entries(container?.NetworkSettings.Networks ?? {}))
      used.add(name).add(one.NetworkID)
  }
  return used
}

/** The networks in which a release that is gone had the name. @param found as they were while it was there */
export async function removeNames(
  place: Place,
  ref: RunningRef,
  signal?: AbortSignal,
  found = nameNetworks(place, ref.resourceId, signal),
): Promise<void> {
  const own = (await found).filter((one) => one.deploymentId === ref.deploymentId)
  if (own.length === 0) return
  const members = (await servicesOf(place, ref.resourceId, signal)).map(({ id }) => id)
  await removeNetworks(
    place.engine,
    own.map(({ id }) => id),
    members,
    signal,
  )
}

/** After a crash of the engine, or where somebody stopped them: best effort, for the release tells whether it can do without. */
export async function wakeServices(place: Place, resourceId: string, signal?: AbortSignal): Promise<void> {
  const seen = new Set<string>()
  const newest = (await servicesOf(place, resourceId, signal)).filter((one) => {
    const key = `${one.service}/${one.index}`
    return seen.has(key) ? false : seen.add(key)
  })
  // Those that others need were made first.
  for (const one of newest.reverse())
    if (!runs(one))
      await place.engine.start(one.name, { signal }).catch((error: unknown) => {
        if (!(error instanceof EngineError)) throw error
      })
}

/** Services as they were before the candidate: what it made goes, what it replaced is started again, with all that it had. */
export async function restoreProject(
  parts: Parts,
  candidate: RunningRef,
  previous: { ref: RunningRef; release: ReleaseRecord } | null,
  token: number,
  signal?: AbortSignal,
): Promise<void> {
  const { engine, names } = parts
  const { resourceId } = candidate
  await checkMark(engine, names, resourceId, token, signal)
  if (previous === null || !isProject(previous.release)) return await removeProject(parts, resourceId, signal)
  const all = await servicesOf(parts, resourceId, signal)
  for (const one of all) {
    if (one.attempt !== candidate.deploymentId) continue
    if (runs(one)) await orNull(engine.stop(one.name, undefined, { signal }))
    await orNull(engine.remove(one.name, { signal }))
  }
  const left = all.filter((one) => one.attempt !== candidate.deploymentId)
  const bundle = bundleOf(previous.release)
  const lost: string[] = []
  for (const { name, service, role } of ordered(bundle)) {
    if (role === 'once') continue
    const hash = hashOf(bundle, name, previous.release.plan)
    for (let index = 0; index < replicasOf(service); index += 1) {
      const own = left.filter((one) => one.service === name && one.index === index)
      const former = own.find((one) => one.hash === hash) ?? own[0]
      for (const one of own) if (one !== former && runs(one)) await orNull(engine.stop(one.name, undefined, { signal }))
      if (former === undefined) {
        lost.push(name)
        continue
      }
      if (runs(former)) continue
      await startNamed(parts, { resourceId, token, ...(signal === undefined ? {} : { signal }) }, former.name)
      if (role === 'before') await untilReady(engine, name, former.id, signal ?? AbortSignal.timeout(longestMs))
    }
  }
  await removeProjectNetworks(parts, resourceId, signal)
  if (lost.length > 0)
    throw new AppaloftError('rollback-failed', {
      message: `Containers of ${[...new Set(lost)].join(', ')} are gone from the engine, and were not made by this deployment.`,
      recoveryHint: 'Roll back to a former release: that makes them anew.',
    })
}

const longestMs = 60_000
