import { unlessAborted } from '../../spec/aborting.js'
import { AppaloftError } from '../../spec/errors.js'
import type { SourceIdentity } from '../../spec/source.js'
import type { AttemptHooks } from '../hooks.js'

/** A promise that others settle; nobody need listen to it. */
export class Latch {
  settled = false
  readonly promise: Promise<void>
  #resolve: () => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.promise.catch(() => {})
  }

  open(): void {
    this.settled = true
    this.#resolve()
  }

  refuse(error: unknown): void {
    this.settled = true
    this.#reject(error)
  }

  /** Waits for it, but no longer than until the signal aborts. */
  async orAborted(...signals: AbortSignal[]): Promise<void> {
    await unlessAborted(this.promise, AbortSignal.any(signals))
  }
}

/** What the first target found, all others must find: a folder may change, and a branch may move on, from one batch to the next. */
export function sameSource(): Pick<AttemptHooks, 'read' | 'compare'> {
  let found: SourceIdentity | null = null
  let turn: Promise<unknown> = Promise.resolve()
  return {
    read(input, read) {
      const before = turn
      const result = unlessAborted(before, input.signal).then(async () => {
        const commitSha = found?.commitSha
        const one = await read(commitSha === undefined ? input : { ...input, commitSha })
        if (one.reasons.length === 0) found ??= one.identity
        return one
      })
      // Also behind one that did not wait for its turn.
      turn = Promise.allSettled([before, result])
      return result
    },
    compare({ identity }) {
      if (found === null || identity === null || identity.digest === found.digest) return
      throw new AppaloftError('plan-stale', {
        phase: 'plan',
        message: 'The source is no longer the one that the first target of this rollout got.',
        details: { expected: found.digest, present: identity.digest },
        recoveryHint:
          'Roll out again, from a source that stays as it is meanwhile: a commit, or a folder that nobody changes.',
      })
    },
  }
}
