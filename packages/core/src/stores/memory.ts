import { attemptLeaseKey, type LeaseRef } from '../spec/lease.js'
import type { SecretContext } from '../spec/secrets.js'
import type { Store } from '../spec/store.js'
import {
  isClaimable,
  judgeAdoption,
  nextToken,
  numberEvents,
  promotedOrders,
  storeErrors,
} from '../spec/store-rules.js'
import { createWakeups } from '../spec/wakeups.js'
import { type Change, copy, copyOrNull, emptyState, heldBy, prepareChange, type State } from './memory-state.js'

const sealedKey = (secret: SecretContext): string => JSON.stringify([secret.resourceId, secret.name, secret.version])
const idempotencyIndex = (resourceId: string, key: string): string => JSON.stringify([resourceId, key])

function refuseLost(state: State, resourceId: string, guards: readonly LeaseRef[]): void {
  for (const guard of guards)
    if (heldBy(state, guard) === undefined) throw storeErrors.resourceLeaseLost(resourceId, guard)
}

/**
 * A store in memory: for tests, for simulation, and for programs whose deployments need not outlive them. Engines of one process may
 * share it. `close` leaves the records alone.
 */
export function memoryStore(): Store {
  const state = emptyState()
  const bell = createWakeups()

  // No method awaits before it is done: each is one transaction. Whatever may throw does so before the first change.
  return {
    specVersion: 1,
    key: 'memory',
    capabilities: { durable: false, shared: 'process' },

    async getResource(id) {
      return copyOrNull(state.resources.get(id))
    },
    async listResources() {
      return copy([...state.resources.values()].sort((a, b) => (a.id < b.id ? -1 : 1)))
    },
    async putResource(record, expected, { guards = [] } = {}) {
      refuseLost(state, record.id, guards)
      const present = state.resources.get(record.id)?.stateVersion ?? null
      if (present !== expected) throw storeErrors.resourceChanged(record.id, expected, present)
      const next = copy({ ...record, stateVersion: (expected ?? 0) + 1 })
      state.resources.set(record.id, next)
      bell.ring([])
      return copy(next)
    },
    async removeResource(id, options = {}) {
      refuseLost(state, id, options.guards ?? [])
      state.resources.delete(id)
      for (const [key, release] of state.releases) if (release.resourceId === id) state.releases.delete(key)
      for (const [key, secret] of state.sealed) if (secret.resourceId === id) state.sealed.delete(key)
      if (options.deployments) {
        for (const [key, row] of state.deployments) {
          if (row.record.resourceId !== id) continue
          state.deployments.delete(key)
          state.leases.delete(attemptLeaseKey(key))
        }
        for (const [key, deploymentId] of state.idempotency) {
          if (!state.deployments.has(deploymentId)) state.idempotency.delete(key)
        }
      }
      bell.ring()
    },

    async getSealed(context) {
      return copyOrNull(state.sealed.get(sealedKey(context)))
    },
    async listSealed(resourceId, name) {
      const found = [...state.sealed.values()].filter(
        (s) => s.resourceId === resourceId && (name === undefined || s.name === name),
      )
      return copy(found.sort((a, b) => (a.name === b.name ? a.version - b.version : a.name < b.name ? -1 : 1)))
    },
    async putSealed(secret) {
      const present = state.sealed.get(sealedKey(secret))
      if (present === undefined) state.sealed.set(sealedKey(secret), copy(secret))
      else if (present.digest !== secret.digest) throw storeErrors.secretExists(secret)
    },
    async removeSealed(context) {
      state.sealed.delete(sealedKey(context))
    },

    async createDeployment({ record, holder, idempotencyKey, events }) {
      const index = idempotencyKey === undefined ? undefined : idempotencyIndex(record.resourceId, idempotencyKey)
      const former = index === undefined ? undefined : state.deployments.get(state.idempotency.get(index) ?? '')
      if (former !== undefined) return { created: false, deployment: copy(former.record), lease: null }
      if (state.deployments.has(record.id)) throw storeErrors.deploymentExists(record.id)
      const row = {
        record: copy({ ...record, order: state.lastOrder + 1, version: 1 }),
        events: copy(numberEvents(record.id, 0, events)),
        prunedThrough: 0,
        last: events.length,
      }
      const key = attemptLeaseKey(record.id)
      const lease = { key, token: nextToken(state.leases.get(key)?.token), beats: 0, holder: copy(holder) }
      state.lastOrder += 1
      state.deployments.set(record.id, row)
      state.leases.set(key, lease)
      if (index !== undefined) state.idempotency.set(index, record.id)
      bell.ring([record.id])
      return { created: true, deployment: copy(row.record), lease: copy(lease) }
    },
    async getDeployment(id) {
      return copyOrNull(state.deployments.get(id)?.record)
    },
    async listDeployments({ resourceId, target, statuses, before, limit = 50 } = {}) {
      const found = [...state.deployments.values()]
        .map((row) => row.record)
        .filter(
          (d) =>
            (resourceId === undefined || d.resourceId === resourceId) &&
            (target === undefined || d.target === target) &&
            (statuses === undefined || statuses.includes(d.status)) &&
            (before === undefined || d.order < before),
        )
      return copy(found.sort((a, b) => b.order - a.order).slice(0, Math.max(0, Math.min(limit, 1000))))
    },
    async commit(input) {
      const change = prepareChange(state, input)
      change.apply()
      bell.ring([input.deploymentId])
      return { deployment: copy(change.record), events: copy(change.events) }
    },

    async adopt({ resource, expected, deployments, releases, promotions, gone = [], sealed }) {
      const present = state.resources.get(resource.id)?.stateVersion ?? null
      if (present !== expected) throw storeErrors.resourceChanged(resource.id, expected, present)
      judgeAdoption({ deployments })
      for (const secret of sealed) {
        const known = state.sealed.get(sealedKey(secret))
        if (known !== undefined && known.digest !== secret.digest) throw storeErrors.secretExists(secret)
      }
      const fresh = deployments.filter(({ record }) => !state.deployments.has(record.id))
      for (const { record, events } of fresh) {
        state.lastOrder += 1
        state.deployments.set(record.id, {
          record: copy({ ...record, order: state.lastOrder, version: 1 }),
          events: copy(numberEvents(record.id, 0, events)),
          prunedThrough: 0,
          last: events.length,
        })
      }
      for (const secret of sealed)
        if (!state.sealed.has(sealedKey(secret))) state.sealed.set(sealedKey(secret), copy(secret))
      for (const id of gone) state.releases.delete(id)
      for (const release of releases) if (!state.releases.has(release.id)) state.releases.set(release.id, copy(release))
      const known = promotions.flatMap((id) => state.releases.get(id) ?? [])
      const orders = promotedOrders(known.length, state.lastOrder)
      for (const [at, release] of known.entries())
        state.releases.set(release.id, { ...release, promotedOrder: orders[at]! })
      const next = copy({ ...resource, stateVersion: (expected ?? 0) + 1 })
      state.resources.set(resource.id, next)
      bell.ring(fresh.map(({ record }) => record.id))
      return copy(next)
    },

    async getRelease(id) {
      return copyOrNull(state.releases.get(id))
    },
    async listReleases({ resourceId, target, states }) {
      // a Map keeps the place of a key that is set again: creation order
      const found = [...state.releases.values()].filter(
        (r) =>
          r.resourceId === resourceId &&
          (target === undefined || r.target === target) &&
          (states === undefined || states.includes(r.state)),
      )
      return copy(found.reverse())
    },
    async removeRelease(id) {
      state.releases.delete(id)
      bell.ring([])
    },

    async readEvents(deploymentId, { after = 0, limit = 1000 } = {}) {
      const row = state.deployments.get(deploymentId)
      if (row === undefined) throw storeErrors.noDeployment(deploymentId)
      const from = Math.max(0, after - row.prunedThrough)
      return {
        events: copy(row.events.slice(from, from + Math.max(0, limit))),
        prunedThrough: row.prunedThrough,
        last: row.last,
      }
    },
    async pruneEvents(deploymentId, through) {
      const row = state.deployments.get(deploymentId)
      if (row === undefined) return 0
      const count = Math.max(0, Math.min(through, row.last) - row.prunedThrough)
      row.events.splice(0, count)
      row.prunedThrough += count
      if (count > 0) bell.ring([deploymentId])
      return count
    },
    subscribe: bell.subscribe,

    async readLease(key) {
      return copyOrNull(state.leases.get(key))
    },
    async acquireLease({ key, holder, expect, expectBeats, minToken, with: other }) {
      const present = state.leases.get(key)
      if (!isClaimable(present, expect, expectBeats)) return null
      let change: Change | undefined
      if (other !== undefined) {
        if (state.deployments.get(other.deploymentId)?.record.version !== other.expectVersion) return null
        change = prepareChange(state, { ...other, guards: [] })
      }
      const lease = { key, token: nextToken(present?.token, minToken), beats: 0, holder: copy(holder) }
      change?.apply()
      state.leases.set(key, lease)
      bell.ring(other === undefined ? [] : [other.deploymentId])
      return copy(lease)
    },
    async beatLeases(leases) {
      const lost: string[] = []
      for (const ref of leases) {
        const lease = heldBy(state, ref)
        if (lease === undefined) lost.push(ref.key)
        else lease.beats += 1
      }
      return lost
    },
    async releaseLease(ref) {
      const lease = heldBy(state, ref)
      if (lease === undefined) return
      lease.holder = null
      bell.ring([])
    },

    async close() {},
  }
}
