import type { CreateOptions, DeploymentHandle } from '../../spec/api.js'
import type { Deployment } from '../../spec/deployment.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Rollout } from '../../spec/rollout.js'
import type { RolloutRef } from '../../spec/rollout-ref.js'
import type { Target } from '../../spec/target.js'
import { type Begin, begin } from '../begin.js'
import type { Engine } from '../engine.js'
import { canceled, toAppaloftError } from '../errors.js'
import { Latch, sameSource } from './gates.js'
import { type Member, memberHooks } from './member.js'

export interface Score {
  resourceId: string
  ref: RolloutRef
  targets: readonly Target[]
  waitSeconds: number
  /** Recorded with the first attempt, before any other: it is found again by that. */
  idempotencyKey?: string
  /** What is begun on a target. */
  input(target: Target): Promise<Begin>
}

/** Keys of targets, batch by batch. */
export function batchesOf<T>(all: readonly T[], batch: RolloutRef['batch']): T[][] {
  const { first, rest } = typeof batch === 'number' ? { first: batch, rest: batch } : batch
  const batches = [all.slice(0, first)]
  for (let at = first; at < all.length; at += rest) batches.push(all.slice(at, at + rest))
  return batches
}

/** Leads the attempts of a rollout: begins them batch by batch, holds them where they wait for each other, stops them together. */
export class Conductor {
  readonly members: Member[]
  failure: Rollout['failure'] = null
  canceled = false
  /** Every target verified; every one still so; every one serves: from then on nobody goes back. */
  readonly opened = new Latch()
  readonly agreed = new Latch()
  readonly decided = new Latch()
  readonly #stopped = new Latch()
  readonly #source = sameSource()
  readonly #ends: Promise<void>[] = []
  /** What stops those that went well. */
  #reason: AppaloftError | undefined

  constructor(
    private readonly engine: Engine,
    readonly score: Score,
    private readonly options: Pick<CreateOptions, 'onEvent'>,
  ) {
    this.members = score.targets.map((target) => ({
      target,
      deploymentId: null,
      end: null,
      ready: new Latch(),
      verified: new Latch(),
      served: new Latch(),
    }))
  }

  get begun(): { target: string; deploymentId: string }[] {
    return this.members.flatMap(({ target, deploymentId }) =>
      deploymentId === null ? [] : [{ target: target.key, deploymentId }],
    )
  }

  get stopped(): boolean {
    return this.#stopped.settled
  }

  /** Does a failure concern those that went well? */
  get allOrNone(): boolean {
    const { promote, onFailure } = this.score.ref
    return promote === 'together' || onFailure === 'rollback'
  }

  /** The attempts of a batch, recorded. What cannot be begun is the rollout's failure. */
  async begin(batch: readonly Member[]): Promise<AppaloftError[]> {
    const faults: AppaloftError[] = []
    const { idempotencyKey: key } = this.score
    const one = async (member: Member) => {
      try {
        const input = await this.score.input(member.target)
        const keyed = key !== undefined && member === this.members[0] ? { idempotencyKey: key } : {}
        const request = { ...input.request, ...keyed, rollout: this.score.ref }
        const hooks = { ...this.#source, ...memberHooks(this, member, this.engine.runtime) }
        const handle = await begin(this.engine, member.target, { ...input, request }, this.options, hooks)
        member.deploymentId = handle.id
        this.#ends.push(this.#follow(member, handle))
        if (this.stopped) this.#stop(member)
      } catch (error) {
        faults.push(toAppaloftError(error))
        this.fail(member, toAppaloftError(error))
      }
    }
    const [first, ...rest] = batch
    if (key !== undefined && first !== undefined && first === this.members[0]) {
      await one(first)
      if (faults.length === 0) await Promise.all(rest.map(one))
    } else await Promise.all(batch.map(one))
    return faults
  }

  /** Everything after the first batch was begun, up to the end of every attempt. */
  async conduct(batches: readonly (readonly Member[])[]): Promise<void> {
    const together = this.score.ref.promote === 'together'
    for (const [i, batch] of batches.entries()) {
      if (this.stopped) break
      if (i > 0) await this.begin(batch)
      await this.#all(batch, together ? 'ready' : 'served')
    }
    if (together) {
      if (!this.stopped) this.opened.open()
      await this.#all(this.members, 'verified')
      if (!this.stopped) this.agreed.open()
      await this.#all(this.members, 'served')
    }
    if (!this.stopped) this.decided.open()
    while (this.#ends.length > 0) await this.#ends.pop()
  }

  async #all(members: readonly Member[], point: 'ready' | 'verified' | 'served'): Promise<void> {
    await Promise.race([this.#stopped.promise, Promise.all(members.map((one) => one[point].promise))])
  }

  async #follow(member: Member, handle: DeploymentHandle): Promise<void> {
    try {
      member.end = await handle.done
    } catch (error) {
      return this.fail(member, toAppaloftError(error))
    }
    // It may have been brought to its end by another engine, which knows of no latches here.
    if (member.end.status === 'succeeded')
      for (const one of ['ready', 'verified', 'served'] as const) member[one].open()
    else this.fail(member, failureOf(member.end))
  }

  /** The first one counts. Where every target has it already, nothing is stopped any more. */
  fail({ target, deploymentId }: Member, { code, message, recoveryHint }: Fault): void {
    const { key } = target
    if (!this.canceled) this.failure ??= { target: key, deploymentId, code, message, recoveryHint }
    this.#halt(
      new AppaloftError('rollout-failed', {
        message: `The rollout failed on ${key}: ${message}`,
        details: { rolloutId: this.score.ref.id, target: key, deploymentId, code },
      }),
      this.allOrNone,
    )
  }

  /** Begins nothing more, and stops what runs. False: it is too late, every target has it. */
  cancel(): boolean {
    if (this.decided.settled) return this.stopped
    this.canceled = true
    this.#halt(canceled(), true)
    return true
  }

  #halt(reason: AppaloftError, others: boolean): void {
    if (this.stopped || this.decided.settled) return
    if (others) this.#reason = reason
    this.#stopped.open()
    for (const latch of [this.opened, this.agreed, this.decided]) if (!latch.settled) latch.refuse(reason)
    for (const one of this.members) this.#stop(one)
  }

  #stop({ deploymentId }: Member): void {
    if (deploymentId !== null && this.#reason !== undefined) this.engine.running.get(deploymentId)?.cancel(this.#reason)
  }
}

type Fault = Pick<AppaloftError, 'code' | 'message' | 'recoveryHint'>

const failureOf = ({ failure, status }: Deployment): Fault =>
  failure ?? new AppaloftError(status === 'superseded' ? 'superseded' : 'internal-error')
