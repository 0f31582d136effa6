import { type CallOptions, type RunningRef, unlessAborted } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { nameNetworks } from '../compose/networks.js'
import { servicesOf } from '../compose/services.js'
import { readMark } from '../marks.js'
import { type Names, tokenOf } from '../names.js'
import { containersOf, type Found } from './find.js'

interface Seen {
  mark: number
  containers: readonly Found[]
  /** Nothing of a project is there: no service, no network. */
  plain: boolean
}

/** Of so many resources something is kept. */
const atMost = 100

/**
 * What was seen of plain resources when their releases were listed for what is to be done to them soon, so that nothing has to be looked for
 * then. What is done addresses containers by the names that they had, and the name decides: it ends in the token of its holder, and who raises the
 * fence renames them, so that nothing is found under the former one, however long ago that was seen.
 */
export class SeenSoon {
  readonly #all = new Map<string, Seen>()
  /** The last look of each, and when it is over. */
  readonly #asked = new Map<string, { over: Promise<unknown> }>()

  /** The containers of a resource. With `soon`, everything is looked at at once, and kept. */
  async list(
    engine: Engine,
    names: Names,
    resourceId: string,
    { soon, signal }: CallOptions & { soon?: boolean },
  ): Promise<readonly Found[]> {
    if (soon !== true) return await containersOf(engine, names, resourceId, signal)
    this.forget(resourceId)
    const place = { engine, names }
    const look = async () => {
      const [containers, mark, services, named, networks] = await Promise.all([
        containersOf(engine, names, resourceId, signal),
        readMark(engine, names, resourceId, signal),
        servicesOf(place, resourceId, signal),
        nameNetworks(place, resourceId, signal),
        engine.networks(names.ofResource(resourceId, 'network'), { signal }),
      ])
      const plain = services.length + named.length + networks.length === 0
      if (this.#asked.get(resourceId) !== asked) return containers
      if (this.#all.size >= atMost) for (const one of [this.#all, this.#asked]) one.clear()
      this.#all.set(resourceId, { mark, containers, plain })
      return containers
    }
    const asked = { over: Promise.resolve() as Promise<unknown> }
    this.#asked.set(resourceId, asked)
    const looked = look()
    asked.over = looked.catch(() => undefined)
    return await looked
  }

  /** Something is made, or taken over: it is not all any more. */
  forget(resourceId: string): void {
    this.#asked.delete(resourceId)
    this.#all.delete(resourceId)
  }

  /** The containers of a release for the holder of this token, also by a look that is under way. Null: they have to be looked for. */
  async of(ref: RunningRef, token: number, { signal }: CallOptions = {}): Promise<readonly Found[] | null> {
    const asked = this.#asked.get(ref.resourceId)
    if (asked !== undefined) await unlessAborted(asked.over, signal)
    const seen = this.#all.get(ref.resourceId)
    if (seen === undefined || !seen.plain || seen.mark > token) return null
    const own = seen.containers.filter(
      (one) => one.ref.deploymentId === ref.deploymentId && one.ref.releaseId === ref.releaseId,
    )
    return own.length > 0 && own.every(({ name }) => tokenOf(name) === token) ? own : null
  }
}
