import type { RunningRef } from '@appaloft/core/spec'
import type { Begun } from './start.js'

/** Milliseconds for which what a start made is known without asking for it. */
const justMs = 30_000

const keyOf = ({ resourceId, deploymentId, releaseId }: RunningRef) => `${resourceId}/${deploymentId}/${releaseId}`

/** Releases that this process has just started. Their containers and ports stay as they are until somebody stops or removes them. */
export class Started {
  readonly #begun = new Map<string, { at: number; all: readonly Begun[] }>()

  add(ref: RunningRef, all: readonly Begun[]): void {
    if (this.#begun.size > 100) this.#begun.clear()
    this.#begun.set(keyOf(ref), { at: performance.now(), all })
  }

  /** Null: not known, or not any more. */
  of(ref: RunningRef): readonly Begun[] | null {
    const known = this.#begun.get(keyOf(ref))
    return known !== undefined && performance.now() - known.at < justMs ? known.all : null
  }

  /** It is no longer as it was started. */
  forget(ref: RunningRef): void {
    this.#begun.delete(keyOf(ref))
  }
}
