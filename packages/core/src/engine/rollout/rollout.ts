import { AppaloftError } from '../../spec/errors.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { ResourceRecord } from '../../spec/resource.js'
import {
  type Rollout,
  type RolloutHandle,
  type RolloutOptions,
  type RolloutRequest,
  rolloutPlanSchema,
  rolloutRequestSchema,
} from '../../spec/rollout.js'
import type { RolloutRef } from '../../spec/rollout-ref.js'
import type { Target } from '../../spec/target.js'
import { adoptLatest } from '../adopting.js'
import type { Begin } from '../begin.js'
import { define } from '../definitions.js'
import type { Engine } from '../engine.js'
import { parseInput } from '../input.js'
import { existingResource, refuseStale } from '../lookup.js'
import { restoring } from '../restoring.js'
import { targetOf } from '../runtime.js'
import { allOver } from '../several.js'
import { goBack } from './back.js'
import { batchesOf, Conductor } from './conductor.js'
import { fingerprintsOf, refuseUnnamed } from './fingerprints.js'
import { follow, formerRollout } from './former.js'
import type { HeldRollout } from './held.js'
import { takeRollout } from './lease.js'
import { attemptsOf } from './records.js'
import { releasesOf } from './releases.js'
import { summary } from './summary.js'

/** One request over several targets, as one attempt on each. Answers when those of the first batch are recorded. */
export async function rollout(
  engine: Engine,
  input: RolloutRequest,
  { onEvent, signal, ...given }: RolloutOptions = {},
): Promise<RolloutHandle> {
  const { runtime } = engine
  const request = parseInput(rolloutRequestSchema, input, 'request')
  const plan = parseInput(rolloutPlanSchema, given, 'options')
  const { batch = 1, promote = 'each', onFailure = 'stop', waitSeconds = 3600 } = plan
  const targets = (plan.targets ?? [...runtime.targets.keys()]).map((key) => targetOf(runtime, key))
  if (promote === 'each' && onFailure === 'rollback' && runtime.retention < 2) {
    const issues = ['onFailure: rollback needs a former release, and the engine keeps but one']
    throw new AppaloftError('invalid-input', {
      message: `The options are not valid: ${issues.join('; ')}.`,
      details: { issues },
      recoveryHint: 'Raise retention of createAppaloft to 2 or more, or promote together.',
    })
  }
  refuseUnnamed(request, targets)
  await engine.ready()
  const { idempotencyKey } = request
  const id = idOf(request)
  const begun = await formerRollout(engine, id, idempotencyKey)
  if (begun !== null) return follow(engine, begun, signal)
  // What other stores did there since decides what is gone back to.
  if (request.rollback !== undefined && id !== undefined)
    await allOver(targets.map((one) => adoptLatest(runtime, one, id)))
  const resource = await resourceOf(engine, request)
  const releases = await releasesOf(runtime, resource, targets, request.rollback)
  const fingerprints = await fingerprintsOf(runtime, request, resource, targets, signal)
  const ref: RolloutRef = {
    id: runtime.ids.next('rol'),
    targets: targets.map((one) => one.key),
    batch,
    promote,
    onFailure,
  }
  const held = await takeRollout(engine, resource.id, ref.id, signal, idempotencyKey)
  if (typeof held === 'string') return follow(engine, held, signal)
  const meanwhile = await formerRollout(engine, resource.id, idempotencyKey).catch(async (error) => {
    await held.end(true)
    throw error
  })
  if (meanwhile !== null) {
    await held.end(true)
    return follow(engine, meanwhile, signal)
  }
  const score = {
    resourceId: resource.id,
    ref,
    targets,
    waitSeconds,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    input: (target: Target) =>
      inputOf(engine, request, resource, { release: releases?.get(target.key), fingerprint: fingerprints[target.key] }),
  }
  const conductor = new Conductor(engine, score, onEvent ? { onEvent } : {})
  held.onLost = (error) => conductor.fail(conductor.members[0]!, error)
  const batches = batchesOf(conductor.members, batch)
  const [fault] = await conductor.begin(batches[0]!)
  if (fault !== undefined && conductor.begun.length === 0) {
    await held.end(true)
    throw fault
  }
  const onAbort = () => void conductor.cancel()
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const done = conclude(engine, conductor, batches, held).finally(() => signal?.removeEventListener('abort', onAbort))
  done.catch(() => {})
  engine.rollouts.add(ref.id, conductor, done)
  return {
    id: ref.id,
    get deployments() {
      return conductor.begun
    },
    done,
  }
}

const idOf = ({ resource }: RolloutRequest): string | undefined =>
  typeof resource === 'string' ? resource : resource.id

async function resourceOf({ runtime }: Engine, request: RolloutRequest): Promise<ResourceRecord> {
  const { resource, stateVersion } = request
  const id = idOf(request)
  if (stateVersion !== undefined && id !== undefined) {
    const present = await runtime.store.getResource(id)
    if (present !== null) refuseStale(present, stateVersion)
  }
  return typeof resource === 'string' ? existingResource(runtime.store, resource) : define(runtime, resource)
}

async function inputOf(
  { runtime }: Engine,
  request: RolloutRequest,
  resource: ResourceRecord,
  { release, fingerprint }: { release: ReleaseRecord | undefined; fingerprint: string | undefined },
): Promise<Begin> {
  const { gitRef, commitSha, force, secrets } = request
  if (release !== undefined) return restoring(runtime, resource, release, secrets)
  return {
    resourceId: resource.id,
    trigger: force ? 'force-redeploy' : 'create',
    definition: resource.definition,
    request: {
      ...(gitRef === undefined ? {} : { gitRef }),
      ...(commitSha === undefined ? {} : { commitSha }),
      ...(force === undefined ? {} : { force }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    },
  }
}

/** To the end of every attempt; where one failed and it was to be all or none, the others go back. */
async function conclude(
  engine: Engine,
  conductor: Conductor,
  batches: Parameters<Conductor['conduct']>[0],
  held: HeldRollout,
): Promise<Rollout> {
  let over = false
  try {
    await conductor.conduct(batches)
    const { resourceId, ref } = conductor.score
    const whole = conductor.members.every((one) => one.end?.status === 'succeeded')
    const back = !whole && !held.lost && conductor.allOrNone
    const { made } = back ? await attemptsOf(engine.runtime.store, ref.id, resourceId) : { made: [] }
    const result = summary(conductor, await goBack(engine, ref, made))
    over = true
    return result
  } finally {
    await held.end(over)
  }
}
