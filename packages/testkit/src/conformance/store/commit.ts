import assert from 'node:assert/strict'
import {
  attemptLeaseKey,
  mayFollow,
  resourceLeaseKey,
  type Status,
  statusSchema,
  terminalStatuses,
} from '@appaloft/core/spec'
import {
  sampleEvent,
  sampleFailure,
  sampleHolder,
  sampleId,
  samplePlan,
  sampleRelease,
  sampleResource,
} from '../../fakes/records.js'
import { begin, everything, refused, storeCase, times } from './kit.js'

const live = { deploymentId: sampleId('dep', 1), releaseId: sampleId('rel', 1) }

export const commitCases = [
  storeCase(
    'store.commit.set',
    'A commit changes what it names, and the answer is what is read next',
    async (store) => {
      const { id, deployment, lease } = await begin(store)
      const set = { status: 'detecting', currentPhase: 'detect', startedAt: '2024-01-01T00:00:01.000Z' } as const
      const first = await store.commit({ deploymentId: id, guards: [lease], set })
      assert.deepEqual(first, { deployment: { ...deployment, ...set, version: 2 }, events: [] })
      assert.deepEqual(await store.getDeployment(id), first.deployment)
      const second = await store.commit({
        deploymentId: id,
        guards: [],
        set: { plan: samplePlan(), failure: sampleFailure() },
      })
      assert.deepEqual(second.deployment.startedAt, set.startedAt, 'what an earlier commit set stays')
      assert.deepEqual(await store.getDeployment(id), second.deployment)
      const third = await store.commit({ deploymentId: id, guards: [], set: { failure: undefined, plan: null } })
      assert.deepEqual(
        third.deployment,
        { ...second.deployment, plan: null, version: 4 },
        'undefined leaves a field alone',
      )
    },
  ),

  storeCase('store.commit.fixed-fields', 'What identifies a deployment cannot be changed', async (store) => {
    const { id, deployment } = await begin(store)
    const set = {
      id: 'dep_x',
      order: 99,
      version: 99,
      resourceId: 'res_x',
      target: 'x',
      trigger: 'retry',
      createdAt: 'x',
      token: 3,
    }
    const answer = await store.commit({ deploymentId: id, guards: [], set })
    assert.deepEqual(answer.deployment, { ...deployment, token: 3, version: 2 })
    assert.deepEqual(await store.getDeployment(id), answer.deployment)
    assert.deepEqual(await store.listDeployments({ resourceId: 'res_x' }), [])
  }),

  storeCase('store.commit.missing', 'A deployment that does not exist is told', async (store) => {
    await refused(
      store.commit({ deploymentId: sampleId('dep', 404), guards: [], events: [sampleEvent()] }),
      'deployment-not-found',
      'no such deployment',
    )
    await refused(store.readEvents(sampleId('dep', 404)), 'deployment-not-found', 'nothing was created')
  }),

  storeCase('store.commit.guards', 'Every guard must be held under its token', async (store) => {
    const { id, lease } = await begin(store)
    const key = resourceLeaseKey('res_web', 'local')
    const other = await store.acquireLease({ key, holder: sampleHolder(), expect: null })
    assert.ok(other !== null)
    const commit = (...guards: { key: string; token: number }[]) =>
      store.commit({ deploymentId: id, guards, events: [sampleEvent()] })
    assert.equal((await commit(lease, other)).events.length, 1, 'both held')
    await refused(commit({ key: lease.key, token: lease.token + 1 }), 'lease-lost', 'a token that was never given')
    await refused(commit({ key: lease.key, token: 0 }), 'lease-lost', 'a token of the past')
    await refused(commit({ key: 'resource:none', token: 1 }), 'lease-lost', 'a lease that nobody ever took')
    await store.releaseLease(other)
    await refused(commit(lease, other), 'lease-lost', 'one of two was released')
    const taken = await store.readLease(key)
    await store.acquireLease({ key, holder: sampleHolder({ pid: 5 }), expect: taken })
    await refused(commit(lease, other), 'lease-lost', 'one of two has a new holder')
    assert.equal((await commit(lease)).events[0]?.sequence, 3, 'refused commits leave no event')
  }),

  storeCase(
    'store.commit.version',
    'expectVersion must be the present one; changes raise it, events alone do not',
    async (store) => {
      const { id } = await begin(store)
      const log = await store.commit({ deploymentId: id, guards: [], expectVersion: 1, events: [sampleEvent()] })
      assert.equal(log.deployment.version, 1, 'log lines do not defeat a compare-and-set')
      const set = await store.commit({ deploymentId: id, guards: [], expectVersion: 1, set: { token: 1 } })
      assert.equal(set.deployment.version, 2)
      for (const expectVersion of [1, 3]) {
        await refused(
          store.commit({ deploymentId: id, guards: [], expectVersion, set: { token: 2 } }),
          'conflict',
          `version 2 is not ${expectVersion}`,
        )
      }
      assert.equal((await store.getDeployment(id))?.token, 1)
    },
  ),

  storeCase('store.commit.race', 'Of several commits over one version exactly one wins', async (store) => {
    const { id } = await begin(store)
    const outcomes = await Promise.allSettled(
      times(8, (token) =>
        store.commit({ deploymentId: id, guards: [], expectVersion: 1, set: { token }, events: [sampleEvent()] }),
      ),
    )
    const won = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value.deployment] : []))
    assert.equal(won.length, 1, 'one winner')
    assert.deepEqual(await store.getDeployment(id), won[0])
    assert.equal((await store.readEvents(id)).last, 2, 'and only its event')
  }),

  storeCase('store.commit.transitions', 'Exactly the legal transitions are taken', async (store) => {
    let number = 0
    for (const from of statusSchema.options.filter((s) => !(terminalStatuses as readonly Status[]).includes(s))) {
      for (const to of statusSchema.options) {
        number += 1
        const { id } = await begin(store, number, { status: from })
        const commit = store.commit({ deploymentId: id, guards: [], set: { status: to } })
        if (mayFollow(from, to)) assert.equal((await commit).deployment.status, to)
        else await refused(commit, 'illegal-transition', `${from} to ${to}`)
        const expected = mayFollow(from, to) ? to : from
        assert.equal((await store.getDeployment(id))?.status, expected, `${from} to ${to}`)
      }
    }
  }),

  storeCase('store.commit.terminal', 'Terminal is final: no commit at all, not even events', async (store) => {
    for (const [i, status] of terminalStatuses.entries()) {
      const { id, lease } = await begin(store, i + 1, { status: 'verifying' })
      const end = await store.commit({
        deploymentId: id,
        guards: [lease],
        set: { status, finishedAt: '2024-01-01T00:01:00.000Z' },
        events: [sampleEvent('', { type: 'deployment-finished' })],
      })
      const before = await everything(store, [id], [lease.key])
      const attempts = {
        events: { events: [sampleEvent('late')] },
        field: { set: { accessUrls: ['http://127.0.0.1'] } },
        same: { set: { status } },
        back: { set: { status: 'executing' as const } },
        release: { releases: [sampleRelease()] },
        lease: { releaseLeases: [lease] },
        nothing: {},
      }
      for (const [what, attempt] of Object.entries(attempts)) {
        const call = store.commit({ deploymentId: id, guards: [], expectVersion: end.deployment.version, ...attempt })
        await refused(call, 'illegal-transition', `${what} after ${status}`)
      }
      assert.deepEqual(await everything(store, [id], [lease.key]), before, `${status} left as it was`)
    }
  }),

  storeCase('store.commit.atomic', 'A refused commit leaves nothing behind', async (store) => {
    const { id, lease } = await begin(store)
    await store.putResource(sampleResource(), null)
    const before = await everything(store, [id], [lease.key])
    const whole = {
      deploymentId: id,
      set: { status: 'detecting' as const, token: 9 },
      events: [sampleEvent('never'), sampleEvent('seen')],
      releases: [sampleRelease()],
      live,
      releaseLeases: [lease],
    }
    await refused(store.commit({ ...whole, guards: [{ ...lease, token: 8 }] }), 'lease-lost', 'guard')
    await refused(store.commit({ ...whole, guards: [lease], expectVersion: 5 }), 'conflict', 'version')
    const illegal = { ...whole, set: { ...whole.set, status: 'succeeded' as const } }
    await refused(store.commit({ ...illegal, guards: [lease] }), 'illegal-transition', 'status')
    assert.deepEqual(await everything(store, [id], [lease.key]), before)
    await store.removeResource('res_web')
    const bare = await everything(store, [id], [lease.key])
    await refused(store.commit({ ...whole, guards: [lease] }), 'resource-not-found', 'live without a resource')
    assert.deepEqual(await everything(store, [id], [lease.key]), bare)
    assert.equal((await store.commit({ ...whole, live: undefined, guards: [lease] })).events[0]?.sequence, 2, 'no hole')
  }),

  storeCase(
    'store.commit.refusals',
    'Where several things are wrong, the first of the contract’s order is told',
    async (store) => {
      const { id, lease } = await begin(store, 1, { status: 'verifying' })
      await store.commit({ deploymentId: id, guards: [], set: { status: 'failed' } })
      const all = { guards: [{ ...lease, token: 77 }], expectVersion: 77, set: { status: 'queued' as const }, live }
      await refused(store.commit({ deploymentId: sampleId('dep', 404), ...all }), 'deployment-not-found', 'first')
      await refused(store.commit({ deploymentId: id, ...all }), 'lease-lost', 'second')
      await refused(store.commit({ deploymentId: id, ...all, guards: [lease] }), 'conflict', 'third')
      await refused(
        store.commit({ deploymentId: id, ...all, guards: [lease], expectVersion: 2 }),
        'illegal-transition',
        'fourth',
      )
    },
  ),

  storeCase(
    'store.commit.live',
    'What is live is kept by target, and counts as a change of the resource',
    async (store) => {
      const { id } = await begin(store, 1, { target: 'a' })
      const other = await begin(store, 2, { target: 'b' })
      const resource = await store.putResource(sampleResource(), null)
      await store.commit({ deploymentId: id, guards: [], live })
      await store.commit({ deploymentId: other.id, guards: [], live: { ...live, releaseId: sampleId('rel', 2) } })
      assert.deepEqual(await store.getResource('res_web'), {
        ...resource,
        stateVersion: 3,
        live: { a: live, b: { ...live, releaseId: sampleId('rel', 2) } },
      })
      await store.commit({ deploymentId: id, guards: [], live: null })
      const last = await store.getResource('res_web')
      assert.deepEqual(last?.live, { b: { ...live, releaseId: sampleId('rel', 2) } }, 'null: nothing on this target')
      assert.equal(last?.stateVersion, 4)
      await store.commit({ deploymentId: id, guards: [], events: [sampleEvent()] })
      assert.equal((await store.getResource('res_web'))?.stateVersion, 4, 'other commits do not count')
      await refused(store.putResource(sampleResource(), 1), 'conflict', 'a definition read before the promotion')
      await store.removeResource('res_web')
      await store.commit({ deploymentId: id, guards: [], live: null })
      assert.equal(await store.getResource('res_web'), null, 'nothing live on no resource is no fault')
    },
  ),

  storeCase('store.commit.releases', 'Releases are inserted or replaced', async (store) => {
    const { id } = await begin(store)
    const first = sampleRelease({ id: sampleId('rel', 1) })
    const second = sampleRelease({ id: sampleId('rel', 2), target: 'other' })
    await store.commit({ deploymentId: id, guards: [], releases: [first, second] })
    const promoted = { ...first, state: 'retained' as const, promotedAt: first.createdAt, promotedOrder: 1 }
    await store.commit({ deploymentId: id, guards: [], releases: [promoted] })
    assert.deepEqual(await store.getRelease(first.id), promoted)
    assert.deepEqual(await store.getRelease(second.id), second)
    assert.deepEqual(
      await store.listReleases({ resourceId: 'res_web' }),
      [second, promoted],
      'newest first by creation',
    )
  }),

  storeCase(
    'store.commit.release-leases',
    'Leases are given back with the commit, but never another holder’s',
    async (store) => {
      const { id, lease } = await begin(store)
      const key = resourceLeaseKey('res_web', 'local')
      await store.acquireLease({ key, holder: sampleHolder(), expect: null, minToken: 5 })
      await store.commit({
        deploymentId: id,
        guards: [lease],
        set: { status: 'failed' },
        releaseLeases: [lease, { key, token: 4 }, { key: 'none', token: 1 }],
      })
      assert.deepEqual(await store.readLease(attemptLeaseKey(id)), { ...lease, holder: null })
      assert.deepEqual((await store.readLease(key))?.holder, sampleHolder())
      assert.equal(await store.readLease('none'), null)
    },
  ),
]
