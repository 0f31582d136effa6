import { memoryStore } from '@appaloft/core'
import {
  AppaloftError,
  type Commit,
  type DeploymentRecord,
  hasCode,
  isTerminal,
  type Lease,
  type Store,
} from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { type StoreSubject, storeConformance } from './store.js'

/**
 * For each case a store that is wrong in one way, which the case must notice. `s` is a sound store of the same data to lean on; what is
 * returned replaces methods of it. State that a broken store needs lives in the closure: one for each store.
 */
const broken: Record<string, (s: Store) => Partial<Store>> = {
  'store.resource.cas': (s) => ({
    // takes any version from the past
    putResource: async (record, expected) => {
      const present = (await s.getResource(record.id))?.stateVersion ?? null
      return s.putResource(record, expected !== null && present !== null && expected < present ? present : expected)
    },
  }),
  'store.resource.race': (s) => ({
    // looks, then writes over whatever came between
    putResource: async (record, expected) => {
      const seen = (await s.getResource(record.id))?.stateVersion ?? null
      if (seen !== expected) throw new AppaloftError('conflict')
      return insist(async () => s.putResource(record, (await s.getResource(record.id))?.stateVersion ?? null))
    },
  }),
  'store.resource.list': (s) => ({ listResources: async () => (await s.listResources()).reverse() }),
  'store.resource.remove': (s) => ({
    // forgets the secrets
    removeResource: async (id, options) => {
      const secrets = await s.listSealed(id)
      await s.removeResource(id, options)
      for (const secret of secrets) await s.putSealed(secret)
    },
  }),
  'store.resource.guards': (s) => ({
    // does not know of guards when it removes
    removeResource: (id, { guards: _guards, ...options } = {}) => s.removeResource(id, options),
  }),
  'store.resource.remove-deployments': (s) => ({ removeResource: (id) => s.removeResource(id) }),

  'store.create.record': (s) => ({
    createDeployment: async (input) => {
      const answer = await s.createDeployment({ ...input, events: input.events.slice(0, 1) })
      return answer
    },
  }),
  'store.create.lease': (s) => ({
    createDeployment: async (input) => {
      const answer = await s.createDeployment(input)
      if (answer.lease !== null) await s.releaseLease(answer.lease)
      return answer
    },
  }),
  'store.create.exists': (s) => ({
    // takes the lease although it refuses
    createDeployment: async (input) => {
      if ((await s.getDeployment(input.record.id)) !== null) {
        const key = `attempt:${input.record.id}`
        await s.acquireLease({ key, holder: input.holder, expect: await s.readLease(key) })
      }
      return s.createDeployment(input)
    },
  }),
  'store.create.idempotency': (s) => ({
    // one key for all resources
    createDeployment: (() => {
      const known = new Map<string, string>()
      return async (input) => {
        const former = input.idempotencyKey === undefined ? undefined : known.get(input.idempotencyKey)
        const deployment = former === undefined ? null : await s.getDeployment(former)
        if (deployment !== null) return { created: false, deployment, lease: null }
        if (input.idempotencyKey !== undefined) known.set(input.idempotencyKey, input.record.id)
        return s.createDeployment(input)
      }
    })(),
  }),
  'store.create.order': (s) => ({
    // believes the caller
    createDeployment: async (input) => {
      const answer = await s.createDeployment(input)
      const told = (input.record as Partial<DeploymentRecord>).order
      return told === undefined ? answer : { ...answer, deployment: { ...answer.deployment, order: told } }
    },
  }),
  'store.deployment.list': (s) => ({
    listDeployments: async (query) => (await s.listDeployments(query)).sort((a, b) => (a.id < b.id ? 1 : -1)),
  }),
  'store.deployment.list-limit': (s) => ({
    listDeployments: (query = {}) => s.listDeployments({ ...query, limit: query.limit ?? 1000 }),
  }),

  'store.commit.set': (s) => ({
    // answers with the record of before
    commit: async (input) => {
      const before = await s.getDeployment(input.deploymentId)
      const answer = await s.commit(input)
      return before === null ? answer : { ...answer, deployment: before }
    },
  }),
  'store.commit.fixed-fields': (s) => withRecords(s, (record, set) => ({ ...record, ...set, version: record.version })),
  'store.commit.missing': (s) => ({
    commit: async (input) => {
      if ((await s.getDeployment(input.deploymentId)) === null) {
        return { deployment: {} as DeploymentRecord, events: [] }
      }
      return s.commit(input)
    },
  }),
  // only the first guard counts
  'store.commit.guards': (s) => ({ commit: (input) => s.commit({ ...input, guards: input.guards.slice(0, 1) }) }),
  'store.commit.version': (s) => ({
    // each commit raises the version, log lines too
    commit: (input) => s.commit({ ...input, set: input.set ?? {} }),
  }),
  'store.commit.race': (s) => ({
    commit: async ({ expectVersion, ...input }) => {
      const seen = await s.getDeployment(input.deploymentId)
      if (expectVersion !== undefined && seen?.version !== expectVersion) throw new AppaloftError('conflict')
      return s.commit(input)
    },
  }),
  // one transition too many
  'store.commit.transitions': (s) => detour(s, 'detecting', 'executing', 'planning'),
  'store.commit.terminal': (s) => {
    // takes late events
    const late = new Map<string, number>()
    return {
      commit: async (input) => {
        const record = await s.getDeployment(input.deploymentId)
        if (record !== null && isTerminal(record.status) && input.set === undefined) {
          late.set(record.id, (late.get(record.id) ?? 0) + 1)
          return { deployment: record, events: [] }
        }
        return s.commit(input)
      },
    }
  },
  'store.commit.atomic': (s) => ({
    // events first, then the rest
    commit: async ({ events = [], ...input }) => {
      const { deploymentId, guards, expectVersion } = input
      const answer = await s.commit({ deploymentId, guards, expectVersion, events })
      return { ...(await s.commit(input)), events: answer.events }
    },
  }),
  'store.commit.refusals': (s) => ({
    commit: async (input) => {
      const record = await s.getDeployment(input.deploymentId)
      if (record !== null && isTerminal(record.status)) throw new AppaloftError('illegal-transition')
      return s.commit(input)
    },
  }),
  'store.commit.live': (s) => ({
    // forgets the other targets
    commit: async (input) => {
      const record = await s.getDeployment(input.deploymentId)
      const resource = record === null ? null : await s.getResource(record.resourceId)
      if (input.live && resource !== null) await s.putResource({ ...resource, live: {} }, resource.stateVersion)
      return s.commit(input)
    },
  }),
  'store.commit.releases': (s) => ({
    // never replaces
    commit: async (input) => {
      const fresh = []
      for (const release of input.releases ?? []) if ((await s.getRelease(release.id)) === null) fresh.push(release)
      return s.commit({ ...input, releases: fresh })
    },
  }),
  'store.commit.release-leases': (s) => ({
    // whoever holds them
    commit: async (input) => {
      const all = await Promise.all((input.releaseLeases ?? []).map(({ key }) => s.readLease(key)))
      return s.commit({ ...input, releaseLeases: all.filter((lease) => lease !== null) })
    },
  }),

  // takes what it finds for its own orders
  'store.adopt.all': (s) => ({ adopt: (input) => s.adopt({ ...input, promotions: [...input.promotions].reverse() }) }),
  'store.adopt.order': (s) => ({
    // believes that who deployed last is newest
    listDeployments: async (query) => (await s.listDeployments(query)).sort((a, b) => (a.id < b.id ? 1 : -1)),
  }),
  'store.adopt.known': (s) => ({
    // replaces
    adopt: async (input) => {
      for (const { id } of input.releases) await s.removeRelease(id)
      return s.adopt(input)
    },
  }),
  'store.adopt.gone': (s) => ({ adopt: ({ gone: _gone, ...input }) => s.adopt(input) }),
  'store.adopt.again': (s) => ({
    // makes room for what it brings
    adopt: async (input) => {
      await s.removeResource(input.resource.id, { deployments: true })
      return s.adopt({ ...input, expected: null })
    },
  }),
  'store.adopt.refused': (s) => ({
    // one thing after the other
    adopt: async (input) => {
      for (const secret of input.sealed) await s.putSealed(secret)
      const first = await s.adopt({ ...input, deployments: input.deployments.slice(0, 1) })
      return s.adopt({ ...input, expected: first.stateVersion })
    },
  }),
  'store.adopt.race': (s) => ({
    // looks, then writes over whatever came between
    adopt: async (input) => {
      const seen = (await s.getResource(input.resource.id))?.stateVersion ?? null
      if (seen !== input.expected) throw new AppaloftError('conflict')
      return insist(async () =>
        s.adopt({ ...input, expected: (await s.getResource(input.resource.id))?.stateVersion ?? null }),
      )
    },
  }),
  'store.adopt.wakes': (s) => ({ subscribe: () => () => {}, adopt: s.adopt }),

  'store.events.sequence': (s) => ({
    // counts in the caller: two at once get the same number
    commit: async (input) => {
      const last = (await s.readEvents(input.deploymentId)).last
      const answer = await s.commit(input)
      return { ...answer, events: answer.events.map((event, i) => ({ ...event, sequence: last + i + 1 })) }
    },
  }),
  'store.events.read': (s) => ({
    // inclusive
    readEvents: (id, { after = 0, ...rest } = {}) => s.readEvents(id, { ...rest, after: Math.max(0, after - 1) }),
  }),
  'store.events.read-limit': (s) => ({
    readEvents: (id, options = {}) => s.readEvents(id, { ...options, limit: options.limit ?? 10_000 }),
  }),
  'store.events.prune': (s) => ({
    readEvents: async (id, options) => ({ ...(await s.readEvents(id, options)), prunedThrough: 0 }),
  }),
  'store.subscribe.own': (s) => ({
    // never ends
    subscribe: (listener) => {
      s.subscribe(listener)
      return () => {}
    },
  }),
  'store.subscribe.which': (s) => ({
    // says that nothing changed
    subscribe: (listener) => s.subscribe(() => listener(new Set())),
  }),
  'store.subscribe.last': (s) => {
    // wakes before the change can be seen
    const listeners = new Set<() => void>()
    return {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      commit: async (input) => {
        for (const listener of listeners) listener()
        for (let i = 0; i < 20; i += 1) await Promise.resolve()
        return s.commit(input)
      },
    }
  },
  'store.subscribe.throws': (s) => {
    const listeners = new Set<() => void>()
    return {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      commit: async (input) => {
        const answer = await s.commit(input)
        for (const listener of listeners) listener()
        return answer
      },
    }
  },
  'store.subscribe.other': (s) => {
    // knows of its own commits only
    const listeners = new Set<() => void>()
    return {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      commit: async (input) => {
        const answer = await s.commit(input)
        for (const listener of listeners) listener()
        return answer
      },
    }
  },

  'store.lease.acquire': (s) => ({
    // null means: whatever there is
    acquireLease: async (input) => s.acquireLease({ ...input, expect: input.expect ?? (await s.readLease(input.key)) }),
  }),
  'store.lease.race': lookThenTake,
  'store.lease.token': forgetful,
  'store.lease.expect': (s) => ({
    // does not notice that it was released
    acquireLease: async (input) => {
      const now = await s.readLease(input.key)
      const same = now !== null && input.expect !== null && now.token === input.expect.token
      return s.acquireLease(same ? { ...input, expect: now } : input)
    },
  }),
  'store.lease.expect-beats': (s) => ({ acquireLease: ({ expectBeats: _, ...input }) => s.acquireLease(input) }),
  'store.lease.with': (s) => ({
    // two transactions: the attempt is superseded although the lease is not had
    acquireLease: async ({ with: other, ...input }) => {
      const record = other === undefined ? null : await s.getDeployment(other.deploymentId)
      if (other !== undefined && record?.version === other.expectVersion) await s.commit({ ...other, guards: [] })
      else if (other !== undefined) return null
      return s.acquireLease(input)
    },
  }),
  'store.lease.beat': (s) => ({
    beatLeases: async (leases) => {
      await s.beatLeases(leases)
      return []
    },
  }),
  'store.lease.release': (s) => ({
    releaseLease: async (ref) => {
      const lease = await s.readLease(ref.key)
      if (lease !== null) await s.releaseLease(lease)
    },
  }),

  'store.records.intact': (s) => ({
    // text that ends at a NUL
    readEvents: async (id, options) => {
      const read = await s.readEvents(id, options)
      return { ...read, events: read.events.map((e) => ({ ...e, message: e.message?.split('\0')[0] })) }
    },
  }),
  'store.records.copied': (s) => {
    const cache = new Map<string, DeploymentRecord | null>()
    return {
      getDeployment: async (id) => {
        if (!cache.has(id)) cache.set(id, await s.getDeployment(id))
        return cache.get(id) ?? null
      },
    }
  },
  'store.records.missing': (s) => ({
    readLease: async (key) => (await s.readLease(key)) ?? (undefined as unknown as Lease | null),
  }),
  'store.release.list': (s) => ({ listReleases: ({ states: _, ...query }) => s.listReleases(query) }),
  'store.release.remove': (s) => ({
    removeRelease: async (id) => {
      if ((await s.getRelease(id)) === null) throw new AppaloftError('release-not-found')
      await s.removeRelease(id)
    },
  }),
  'store.secret.versions': (s) => ({
    // replaces
    putSealed: async (secret) => {
      await s.removeSealed(secret)
      await s.putSealed(secret)
    },
  }),
  'store.close': (s) => {
    let closed = false
    return {
      close: async () => {
        if (closed) throw new AppaloftError('store-unavailable')
        closed = true
        await s.close()
      },
    }
  },

  'store.durable.reopen': (s) => {
    // log lines are kept in memory only
    return { commit: (input) => s.commit(input.durable === false ? { ...input, events: [] } : input) }
  },
  'store.shared.visible': (s) => {
    // reads from a cache of its own
    const cache = new Map<string, DeploymentRecord | null>()
    return {
      getDeployment: async (id) => {
        if (!cache.has(id)) cache.set(id, await s.getDeployment(id))
        return cache.get(id) ?? null
      },
      createDeployment: async (input) => {
        const answer = await s.createDeployment(input)
        cache.set(input.record.id, answer.deployment)
        return answer
      },
    }
  },
  // loses every fourth write, as one that overwrites another's would
  'store.shared.sequence': (s) => {
    let count = 0
    return {
      commit: (input) => {
        count += 1
        return s.commit(count % 4 === 0 ? { ...input, events: [] } : input)
      },
    }
  },
  'store.shared.race': lookThenTake,
}

/** Until it works, which no store should do on its own. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error
    }
  }
}

/** A lease taken in two steps: who saw it free gets it, whoever came between. */
function lookThenTake(s: Store): Partial<Store> {
  return {
    acquireLease: async (input) => {
      if ((await s.readLease(input.key)) !== null) return s.acquireLease(input)
      for (;;) {
        const lease = await s.acquireLease({ ...input, expect: await s.readLease(input.key) })
        if (lease !== null) return lease
      }
    },
  }
}

/** A commit that writes what `change` makes of record and patch, into what is read, too. */
function withRecords(
  s: Store,
  change: (record: DeploymentRecord, set: NonNullable<Commit['set']>) => DeploymentRecord,
): Partial<Store> {
  const sets = new Map<string, NonNullable<Commit['set']>>()
  const seen = (record: DeploymentRecord): DeploymentRecord => change(record, sets.get(record.id) ?? {})
  return {
    commit: async (input) => {
      const answer = await s.commit(input)
      if (input.set !== undefined) sets.set(input.deploymentId, input.set)
      return { ...answer, deployment: seen(answer.deployment) }
    },
    getDeployment: async (id) => {
      const record = await s.getDeployment(id)
      return record === null ? null : seen(record)
    },
  }
}

/** Takes a transition that is not legal, by way of another one. */
function detour(
  s: Store,
  from: DeploymentRecord['status'],
  to: DeploymentRecord['status'],
  by: DeploymentRecord['status'],
): Partial<Store> {
  return {
    commit: async (input) => {
      const record = await s.getDeployment(input.deploymentId)
      if (record?.status === from && input.set?.status === to) {
        await s.commit({ ...input, set: { status: by } })
      }
      return s.commit(input)
    },
  }
}

/** A released lease is as if it had never been. */
function forgetful(s: Store): Partial<Store> {
  const gone = new Map<string, number>()
  const seen = (lease: Lease | null): Lease | null =>
    lease === null || lease.holder === null ? null : { ...lease, token: lease.token - (gone.get(lease.key) ?? 0) }
  const real = (lease: Lease): Lease => ({ ...lease, token: lease.token + (gone.get(lease.key) ?? 0) })
  return {
    readLease: async (key) => seen(await s.readLease(key)),
    releaseLease: async (ref) => {
      await s.releaseLease(real({ ...ref, beats: 0, holder: null }))
      const left = await s.readLease(ref.key)
      if (left !== null && left.holder === null) gone.set(ref.key, left.token)
    },
    acquireLease: async (input) => {
      const expect = input.expect === null ? await s.readLease(input.key) : real(input.expect)
      return seen(await s.acquireLease({ ...input, expect }))
    },
  }
}

/** A sound store, or one with the given fault; a further handle has the same data and the same fault. */
function subject(fault: (s: Store) => Partial<Store> = () => ({})): StoreSubject {
  const sound = new WeakMap<Store, Store>()
  const handle = (inner: Store): Store => {
    const outer = { ...inner, ...fault(inner) }
    sound.set(outer, inner)
    return outer
  }
  return {
    create: async () => handle(memoryStore()),
    reopen: async (store) => handle(sound.get(store)!),
  }
}

describe('the conformance of stores', () => {
  it('has a broken store for each case, and each id once', () => {
    const ids = storeConformance.map((one) => one.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(Object.keys(broken).sort()).toEqual([...ids].sort())
  })

  it.each(storeConformance.map((one) => [one.id, one] as const))('%s passes a sound store', async (_id, one) => {
    await one.run(subject())
  })

  it.each(storeConformance.map((one) => [one.id, one] as const))('%s notices a broken one', async (id, one) => {
    await expect(one.run(subject(broken[id]))).rejects.toThrow()
  })
})
