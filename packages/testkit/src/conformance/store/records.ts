import assert from 'node:assert/strict'
import type { Json } from '@appaloft/core/spec'
import {
  sampleDefinition,
  sampleDeployment,
  sampleEvent,
  sampleFailure,
  sampleHolder,
  sampleId,
  samplePlan,
  sampleRelease,
  sampleResource,
  sampleSecret,
} from '../../fakes/records.js'
import { begin, refused, storeCase, times } from './kit.js'

// What stores tend to lose: quotes, line ends, NUL, characters beyond the first plane, half of one, big and small numbers, empty things.
const awkward: { [key: string]: Json } = {
  text: `'"\\ \n\r\t\u0000 \u2028 ä 漢字 \u{1f680} \ud800 -- ; DROP TABLE deployments`,
  numbers: [0, -1, 1.5, 2 ** 53 - 1, 1e-9],
  nothing: [null, '', [], {}, false],
  '': { 'a.b': true, __proto: 1 },
  constructor: 'constructor',
}

export const recordCases = [
  storeCase('store.records.intact', 'Records come back as they were given', async (store) => {
    const variable = { value: awkward.text as string, scope: 'both' as const }
    const definition = sampleDefinition({
      environment: {
        A: variable,
        B: { secret: true, name: 'B', version: 2, digest: 'd'.repeat(64), scope: 'runtime' },
      },
      runtime: { startCommand: ['node', '-e', "console.log('hi')"] },
    })
    const resource = await store.putResource(sampleResource({ definition, live: {} }), null)
    assert.deepEqual(await store.getResource('res_web'), resource)
    assert.deepEqual(resource, { ...sampleResource({ definition }), stateVersion: 1 })

    const plan = samplePlan({ environment: definition.environment ?? {} })
    const record = sampleDeployment({
      definition,
      plan,
      planFingerprint: 'f'.repeat(64),
      sourceIdentity: plan.source,
      request: { gitRef: 'main', force: true, idempotencyKey: 'k' },
      previous: { deploymentId: sampleId('dep', 9), releaseId: sampleId('rel', 9) },
      journal: { step: 'start', state: 'intended', data: awkward },
      checks: { process: { status: 'unknown', attempts: 3, evidence: [], observedAt: 'now' } },
      failure: sampleFailure({ message: awkward.text as string }),
      rollback: { outcome: 'failed', failure: sampleFailure() },
      accessUrls: ['http://web.example.com/ä'],
    })
    const events = [
      sampleEvent(awkward.text as string, { data: awkward, phase: 'execute', step: 'build', level: 'warn' }),
      sampleEvent('x'.repeat(16 * 1024)),
    ]
    const { deployment } = await store.createDeployment({ record, holder: sampleHolder(), events })
    assert.deepEqual(deployment, { ...record, order: 1, version: 1 })
    assert.deepEqual(await store.getDeployment(record.id), deployment)
    assert.deepEqual(await store.listDeployments(), [deployment])
    assert.deepEqual(
      (await store.readEvents(record.id)).events,
      events.map((event, i) => ({ ...event, deploymentId: record.id, sequence: i + 1 })),
    )
    const release = sampleRelease({ plan, artifact: awkward })
    await store.commit({ deploymentId: record.id, guards: [], releases: [release] })
    assert.deepEqual(await store.getRelease(release.id), release)
    assert.deepEqual(await store.listReleases({ resourceId: 'res_web' }), [release])
  }),

  storeCase(
    'store.records.copied',
    'What was given or answered may be changed without changing the store',
    async (store) => {
      const input = sampleResource()
      const put = await store.putResource(input, null)
      input.definition.source = { kind: 'docker-image', image: 'changed' }
      put.live.local = { deploymentId: 'changed', releaseId: 'changed' }
      const read = await store.getResource('res_web')
      assert.deepEqual(read, { ...sampleResource(), stateVersion: 1 })
      if (read !== null) read.definition.source = { kind: 'docker-image', image: 'changed' }
      assert.deepEqual(await store.getResource('res_web'), { ...sampleResource(), stateVersion: 1 })

      const { id, deployment } = await begin(store)
      deployment.accessUrls.push('changed')
      const event = sampleEvent('kept', { data: { n: 1 } })
      const release = sampleRelease()
      const answer = await store.commit({
        deploymentId: id,
        guards: [],
        set: { token: 1 },
        events: [event],
        releases: [release],
      })
      event.data.n = 2
      release.artifact.n = 2
      answer.deployment.accessUrls.push('changed')
      if (answer.events[0] !== undefined) answer.events[0].message = 'changed'
      const again = await store.getDeployment(id)
      assert.equal(again?.accessUrls.length, 0)
      again?.accessUrls.push('changed')
      assert.deepEqual((await store.getDeployment(id))?.accessUrls, [])
      const events = (await store.readEvents(id)).events
      assert.deepEqual([events[1]?.message, events[1]?.data], ['kept', { n: 1 }])
      assert.deepEqual((await store.getRelease(release.id))?.artifact, {})
    },
  ),

  storeCase('store.records.missing', 'Reading what is not there answers with null or nothing', async (store) => {
    assert.equal(await store.getResource('res_none'), null)
    assert.deepEqual(await store.listResources(), [])
    assert.equal(await store.getSealed({ resourceId: 'res_none', name: 'A', version: 1 }), null)
    assert.deepEqual(await store.listSealed('res_none'), [])
    assert.equal(await store.getDeployment('dep_none'), null)
    assert.deepEqual(await store.listDeployments(), [])
    assert.equal(await store.getRelease('rel_none'), null)
    assert.deepEqual(await store.listReleases({ resourceId: 'res_none' }), [])
    assert.equal(await store.readLease('none'), null)
    await refused(store.readEvents('dep_none'), 'deployment-not-found', 'events of nothing')
    await store.removeResource('res_none', { deployments: true })
    await store.removeRelease('rel_none')
    await store.removeSealed({ resourceId: 'res_none', name: 'A', version: 1 })
    await store.releaseLease({ key: 'none', token: 1 })
    assert.deepEqual(await store.beatLeases([{ key: 'none', token: 1 }]), ['none'])
    assert.equal(await store.pruneEvents('dep_none', 1), 0)
    store.subscribe(() => {})()
    assert.deepEqual(await store.listDeployments(), [])
  }),

  storeCase('store.release.list', 'Releases are listed newest first, by resource, target and state', async (store) => {
    const { id } = await begin(store)
    const make = (number: number, over: object) => sampleRelease({ id: sampleId('rel', number), ...over })
    const releases = [
      make(5, { state: 'retained' }),
      make(4, { target: 'other' }),
      make(3, { resourceId: 'res_other' }),
      make(2, { state: 'discarded' }),
    ]
    for (const release of releases) await store.commit({ deploymentId: id, guards: [], releases: [release] })
    const numbers = async (query: Partial<Parameters<typeof store.listReleases>[0]> = {}) =>
      (await store.listReleases({ resourceId: 'res_web', ...query })).map((r) => Number(r.id.slice(-1)))
    assert.deepEqual(await numbers(), [2, 4, 5])
    assert.deepEqual(await numbers({ target: 'local' }), [2, 5])
    assert.deepEqual(await numbers({ states: ['retained', 'candidate'] }), [4, 5])
    assert.deepEqual(await numbers({ target: 'local', states: ['discarded'] }), [2])
    assert.deepEqual(await numbers({ states: [] }), [])
    assert.deepEqual(await numbers({ resourceId: 'res_other' }), [3])
  }),

  storeCase('store.release.remove', 'A release is forgotten, once and again', async (store) => {
    const { id } = await begin(store)
    const releases = times(2, (i) => sampleRelease({ id: sampleId('rel', i + 1) }))
    await store.commit({ deploymentId: id, guards: [], releases })
    await store.removeRelease(sampleId('rel', 1))
    await store.removeRelease(sampleId('rel', 1))
    assert.equal(await store.getRelease(sampleId('rel', 1)), null)
    assert.deepEqual(await store.listReleases({ resourceId: 'res_web' }), [releases[1]])
  }),

  storeCase(
    'store.secret.versions',
    'Sealed secrets are kept by resource, name and version, and never replaced',
    async (store) => {
      const first = sampleSecret()
      const second = sampleSecret({ version: 2, sealed: 'sealed-2', digest: 'e'.repeat(64) })
      const tenth = sampleSecret({ version: 10, sealed: 'sealed-10' })
      const other = sampleSecret({ name: 'API_KEY' })
      for (const secret of [tenth, first, other, second]) await store.putSealed(secret)
      await store.putSealed({ ...first, sealed: 'sealed again' })
      assert.deepEqual(await store.getSealed(first), first, 'the same value again: what exists stays')
      await refused(
        store.putSealed({ ...first, digest: '0'.repeat(64) }),
        'conflict',
        'another value under the version',
      )
      assert.deepEqual(await store.getSealed(first), first)
      assert.deepEqual(await store.listSealed('res_web', 'DATABASE_URL'), [first, second, tenth], 'by version')
      assert.deepEqual(await store.listSealed('res_web'), [other, first, second, tenth], 'by name, then version')
      assert.deepEqual(await store.listSealed('res_other'), [])
      await store.removeSealed(first)
      await store.removeSealed(first)
      assert.equal(await store.getSealed(first), null)
      assert.deepEqual(await store.listSealed('res_web', 'DATABASE_URL'), [second, tenth])
    },
  ),

  storeCase('store.close', 'Closing twice is no error', async (store) => {
    await begin(store)
    await store.close()
    await store.close()
  }),
]
