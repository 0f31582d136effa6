import { AppaloftError, type DeploymentPatch, type Store } from '@appaloft/core/spec'
import { checkEvents } from '../invariants/events.js'
import { leaseTaken } from '../invariants/leases.js'
import { checkRecord } from '../invariants/records.js'
import type { SimulatedProcess } from '../process.js'

/** The store of an engine, as one engine reaches it: each call parks, and what takes effect goes into the ledger too. */
export function simulatedStore(process: SimulatedProcess): Store {
  const { simulation } = process
  const { store, ledger } = process
  const failure = () => new AppaloftError('store-unavailable')
  const call = <T>(method: string, about: string, effect: () => T | Promise<T>) =>
    process.call({ port: 'store', method, about, effect, failure })

  /** What another commit changed of a deployment, read from the store itself. */
  const changedBeside = async (id: string, set: DeploymentPatch | undefined) => {
    const entry = ledger.deployments.get(id)
    const record = await store.getDeployment(id)
    if (entry === undefined || record === null) return
    const { events } = await store.readEvents(id, { after: entry.events.length })
    const before = entry.record
    entry.record = record
    checkEvents(simulation, entry, events)
    checkRecord(simulation, process, entry, before, set)
  }

  return {
    specVersion: 1,
    key: store.key,
    capabilities: store.capabilities,

    getResource: (id) => call('getResource', id, () => store.getResource(id)),
    listResources: () => call('listResources', '', () => store.listResources()),
    putResource: (record, expected, options) =>
      call('putResource', record.id, async () => {
        const stored = await store.putResource(record, expected, options)
        ledger.resources.set(record.id, stored)
        return stored
      }),
    removeResource: (id, options) =>
      call('removeResource', id, async () => {
        await store.removeResource(id, options)
        simulation.removed.add(id)
        ledger.resources.delete(id)
        simulation.liveChanges(id, ledger)
        for (const [key, one] of ledger.releases) if (one.resourceId === id) ledger.releases.delete(key)
        if (options?.deployments !== true) return
        for (const { record } of ledger.of(id)) {
          ledger.deployments.delete(record.id)
          ledger.gone.add(record.id)
        }
      }),

    getSealed: (context) => call('getSealed', context.name, () => store.getSealed(context)),
    listSealed: (id, name) => call('listSealed', id, () => store.listSealed(id, name)),
    putSealed: (secret) => call('putSealed', secret.name, () => store.putSealed(secret)),
    removeSealed: (context) => call('removeSealed', context.name, () => store.removeSealed(context)),

    createDeployment: (input) =>
      call('createDeployment', input.record.id, async () => {
        const result = await store.createDeployment(input)
        const { created, deployment, lease } = result
        if (!created) return result
        const { events } = await store.readEvents(deployment.id)
        const entry = ledger.created(deployment, [], process)
        checkEvents(simulation, entry, events)
        if (lease !== null) ledger.leases.set(lease.key, { lease, process, beatAt: simulation.now })
        simulation.cover(`trigger:${deployment.trigger}`)
        return result
      }),
    getDeployment: (id) => call('getDeployment', id, () => store.getDeployment(id)),
    listDeployments: (query) => call('listDeployments', query?.resourceId ?? '', () => store.listDeployments(query)),
    commit: (input) => {
      const { deploymentId: id, set, events = [] } = input
      const about = [id, set?.status, set?.journal && `[${set.journal.step} ${set.journal.state}]`]
      return call('commit', [...about, ...events.map((one) => one.type)].filter(Boolean).join(' '), async () => {
        const result = await store.commit(input)
        const entry = ledger.deployments.get(id)
        if (entry === undefined) return result
        const before = entry.record
        const { resourceId } = before
        const retained = ledger.retained(resourceId).length
        entry.record = result.deployment
        ledger.also(input, result.deployment)
        if (input.live !== undefined) simulation.liveChanges(resourceId, ledger)
        const left = ledger.retained(resourceId).length
        if (left < retained && left < simulation.setup.retention)
          simulation.violate('retention-kept', `${id} let go of a release of ${resourceId}, and ${left} are left.`)
        checkEvents(simulation, entry, result.events)
        checkRecord(simulation, process, entry, before, set)
        return result
      })
    },

    adopt: (input) =>
      call('adopt', input.resource.id, async () => {
        const resource = await store.adopt(input)
        ledger.resources.set(resource.id, resource)
        for (const { record } of input.deployments) {
          const adopted = await store.getDeployment(record.id)
          if (adopted === null || ledger.deployments.has(record.id)) continue
          const { events } = await store.readEvents(record.id)
          checkEvents(simulation, ledger.created(adopted, [], process), events)
        }
        const present = await store.listReleases({ resourceId: resource.id })
        for (const [key, one] of ledger.releases) if (one.resourceId === resource.id) ledger.releases.delete(key)
        for (const one of present) {
          ledger.releases.set(one.id, one)
          ledger.builds.add(String(one.artifact.build))
        }
        simulation.cover('adopted')
        return resource
      }),

    getRelease: (id) => call('getRelease', id, () => store.getRelease(id)),
    listReleases: (query) => call('listReleases', query.resourceId, () => store.listReleases(query)),
    removeRelease: (id) =>
      call('removeRelease', id, async () => {
        await store.removeRelease(id)
        ledger.releases.delete(id)
      }),

    readEvents: (id, options) => call('readEvents', id, () => store.readEvents(id, options)),
    pruneEvents: (id, through) =>
      call('pruneEvents', id, async () => {
        const count = await store.pruneEvents(id, through)
        const entry = ledger.deployments.get(id)
        if (entry !== undefined && count > 0) entry.pruned = true
        return count
      }),
    subscribe: (listener) =>
      store.subscribe((changed) => simulation.scheduler.after(0, () => listener(changed), process)),

    readLease: (key) => call('readLease', key, () => store.readLease(key)),
    acquireLease: (input) =>
      call('acquireLease', `${input.key} for ${input.holder.deploymentId}`, async () => {
        const former = ledger.leases.get(input.key)
        const lease = await store.acquireLease(input)
        if (lease === null) return null
        if (input.with !== undefined) await changedBeside(input.with.deploymentId, input.with.set)
        leaseTaken(simulation, process, former, lease, input)
        ledger.leases.set(lease.key, { lease, process, beatAt: simulation.now })
        const keeper = ledger.deployments.get(lease.holder?.deploymentId ?? '')
        if (keeper !== undefined) keeper.keeper = process
        return lease
      }),
    beatLeases: (leases) =>
      call('beatLeases', leases.map((one) => one.key).join(' '), async () => {
        const lost = await store.beatLeases(leases)
        for (const { key, token } of leases) {
          const held = ledger.leases.get(key)
          if (held?.lease.token === token && !lost.includes(key)) held.beatAt = simulation.now
        }
        return lost
      }),
    releaseLease: (ref) =>
      call('releaseLease', ref.key, async () => {
        await store.releaseLease(ref)
        ledger.released(ref.key, ref.token)
      }),

    close: () => call('close', '', () => store.close()),
  }
}
