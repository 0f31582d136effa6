import assert from 'node:assert/strict'
import {
  AppaloftError,
  type DeploymentRecord,
  type ErrorCode,
  type Lease,
  type ReleaseRecord,
  type Store,
} from '@appaloft/core/spec'
import { sampleDeployment, sampleEvent, sampleHolder, sampleId } from '../../fakes/records.js'
import type { ConformanceCase } from '../suite.js'

export interface StoreSubject {
  /** A new, empty store. */
  create(): Promise<Store>
  /** A second handle on the same data, as another process has it. For the abilities `durable` and `shared`. */
  reopen?(store: Store): Promise<Store>
}

/**
 * What a store's own declaration lets the suite ask of it: `durable` (the data outlives the handle) and `shared` (several handles at
 * once).
 */
export const storeAbilities = ({ capabilities }: Pick<Store, 'capabilities'>): string[] => [
  ...(capabilities.durable ? ['durable'] : []),
  ...(capabilities.shared === 'process' ? [] : ['shared']),
]

interface Handles {
  store: Store
  /** Another handle on the same data. */
  another(): Promise<Store>
}

/** A case on a new store, which is closed at its end. */
export const storeCase = (
  id: string,
  title: string,
  run: (store: Store, handles: Handles) => Promise<void>,
  requires: readonly string[] = [],
): ConformanceCase<StoreSubject> => ({
  id,
  title,
  requires,
  async run(subject) {
    const store = await subject.create()
    const open = [store]
    const another = async () => {
      assert.ok(subject.reopen !== undefined, 'the subject offers no second handle')
      const second = await subject.reopen(store)
      open.push(second)
      return second
    }
    try {
      await run(store, { store, another })
    } finally {
      await Promise.all(open.map((handle) => handle.close()))
    }
  },
})

export async function refused(call: Promise<unknown>, code: ErrorCode, why: string): Promise<AppaloftError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(outcome !== undefined, `${why}: must be refused with ${code}, but it passed`)
  if (!AppaloftError.isInstance(outcome)) throw outcome
  assert.equal(outcome.code, code, why)
  return outcome
}

/** A queued deployment, numbered, with its own lease. */
export async function begin(
  store: Store,
  number = 1,
  overrides: Partial<DeploymentRecord> = {},
): Promise<{ id: string; deployment: DeploymentRecord; lease: Lease }> {
  const id = sampleId('dep', number)
  const { deployment, lease } = await store.createDeployment({
    record: sampleDeployment({ id, ...overrides }),
    holder: sampleHolder({ deploymentId: id }),
    events: [sampleEvent('accepted', { type: 'deployment-accepted' })],
  })
  assert.ok(lease !== null)
  return { id, deployment, lease }
}

/** All that can be read of a store with one resource `res_web` and the deployments given: to see that nothing changed. */
export async function everything(store: Store, deployments: readonly string[], leases: readonly string[]) {
  const releases: ReleaseRecord[] = await store.listReleases({ resourceId: 'res_web' })
  return {
    resources: await store.listResources(),
    deployments: await store.listDeployments(),
    releases,
    secrets: await store.listSealed('res_web'),
    events: await Promise.all(deployments.map((id) => store.readEvents(id))),
    leases: await Promise.all(leases.map((key) => store.readLease(key))),
  }
}

/** Waits for what another handle or a listener brings; fails after two seconds. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 2_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, `${what}: not within two seconds`)
    await pause(5)
  }
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

/** 1 to `count`. */
export const upTo = (count: number): number[] => times(count, (i) => i + 1)
