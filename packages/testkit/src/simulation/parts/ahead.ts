import type { BuildInput, BuildResult, ComingBuild } from '@appaloft/core/spec'
import type { Machine } from '../machine.js'

/** What a target was told of builds to come, and what it saw of them when their fence was raised: behind it, in the same exchange. */
export class Ahead {
  readonly #coming = new Map<string, ComingBuild>()
  readonly #seen = new Map<string, ComingBuild>()

  constructor(private readonly machine: Machine) {}

  told(coming: ComingBuild): void {
    this.#coming.set(coming.resourceId, coming)
  }

  /** The fence is raised. */
  look(resourceId: string): void {
    const coming = this.#coming.get(resourceId)
    this.#coming.delete(resourceId)
    this.#seen.delete(resourceId)
    if (coming !== undefined && !coming.noCache && this.machine.built.has(coming.inputsDigest))
      this.#seen.set(resourceId, coming)
  }

  /** It was there: nothing is to be changed, and nobody asked. Undefined: the machine is to be asked. Once. */
  take({ resourceId, deploymentId, inputsDigest }: BuildInput): BuildResult | undefined {
    const seen = this.#seen.get(resourceId)
    this.#seen.delete(resourceId)
    const same = seen?.deploymentId === deploymentId && seen.inputsDigest === inputsDigest
    return same ? { artifact: { build: inputsDigest }, cached: true } : undefined
  }
}
