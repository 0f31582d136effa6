import { afterEach, beforeEach, expect, it } from 'vitest'
import { Mortal } from '../../../test/dying.js'
import { Fleet, statuses } from '../../../test/fleet.js'
import type { Appaloft } from '../../spec/api.js'

let fleet: Fleet
let dead: Appaloft[]
beforeEach(async () => {
  fleet = await Fleet.make()
  dead = []
})
afterEach(() => fleet.close(dead))

/** A rollout whose process dies at a call of the store; what another one tells of it. */
async function died(at: (method: 'create' | 'commit', target: string, status?: string) => boolean) {
  const mortal = new Mortal(null)
  const { store, ...parts } = mortal.parts(fleet.scene.store, fleet.targets)
  const never = () => {
    mortal.die()
    return new Promise<never>(() => {})
  }
  const on = new Map<string, string>()
  const doomed = fleet.engine({
    ...parts,
    store: {
      ...store,
      createDeployment: async (input) => {
        on.set(input.record.id, input.record.target)
        return at('create', input.record.target) ? never() : store.createDeployment(input)
      },
      commit: async (input) =>
        at('commit', on.get(input.deploymentId) ?? '', input.set?.status) ? never() : store.commit(input),
    },
  })
  dead.push(doomed)
  const { id } = await doomed.deployments.rollout({ resource: fleet.definition() })
  while (!mortal.dead) await new Promise((resolve) => setTimeout(resolve, 5))
  const last = fleet.engine(new Mortal(null).parts(fleet.scene.store, fleet.targets))
  await last.reconcile()
  return last.deployments.showRollout(id)
}

it('a rollout whose process died between two targets has not got to the end, and names where it was not begun', async () => {
  const told = await died((method, target) => method === 'create' && target === 'b')
  expect(statuses(told)).toEqual({ a: 'succeeded', b: 'not-begun', c: 'not-begun' })
  expect(told).toMatchObject({
    status: 'failed',
    failure: {
      target: 'b',
      deploymentId: null,
      code: 'interrupted',
      recoveryHint: 'Roll out again: b, c did not get it.',
    },
  })
})

it('a rollout whose process died on a target says to roll out again, where retrying would do it for that one alone', async () => {
  const told = await died((method, target, status) => method === 'commit' && target === 'b' && status === 'executing')
  expect(statuses(told)).toEqual({ a: 'succeeded', b: 'interrupted', c: 'not-begun' })
  expect(told.failure).toMatchObject({ code: 'interrupted', recoveryHint: 'Roll out again: b, c did not get it.' })
  const { nextActions } = await fleet.engine().deployments.show(told.failure!.deploymentId!)
  expect(nextActions.find(({ verb }) => verb === 'retry')?.reason).toContain('on b alone')
})
