import { resourceLeaseKey } from '../spec/lease.js'
import type { RunningRef, Target } from '../spec/target.js'
import type { MachineLease } from '../spec/target-lease.js'
import { type Shown, show } from './align.js'
import { readsEarly } from './early-marks.js'
import { type Runtime, targetOf } from './runtime.js'
import { several } from './several.js'
import { wasOn } from './was-on.js'

/** So many resources are looked at at once. */
export const atOnce = 8

interface Look {
  /** Of the lease of resource and target, which nobody held. */
  token: number
  shown: Shown
}

/**
 * What machines show of the resources that nobody is at work on, read beside what comes before: it holds as long as nobody has taken the
 * lease since, and the store says the same to be live. Whatever it leads to is looked at again under the lease.
 */
export class FirstLooks {
  readonly #found = new Map<string, Look>()
  readonly #running: Promise<unknown>

  constructor(private readonly runtime: Runtime) {
    this.#running = this.#look().catch(() => undefined)
  }

  async #look(): Promise<void> {
    const { store, targets } = this.runtime
    const resources = await store.listResources()
    const all = resources.flatMap(({ id }) => [...targets.keys()].map((key) => ({ id, key })))
    await several(atOnce, all, ({ id, key }) => this.#lookAt(id, key).catch(() => undefined))
  }

  async #lookAt(id: string, key: string): Promise<void> {
    const { store } = this.runtime
    if ((await wasOn(store, id, key)) === null) return
    const leaseKey = resourceLeaseKey(id, key)
    const lease = await store.readLease(leaseKey)
    if (lease?.holder != null) return
    const token = lease?.token ?? 0
    const target = targetOf(this.runtime, key)
    const [shown, machine] = await Promise.all([show(this.runtime, target, id), this.#machine(target, id)])
    this.#found.set(leaseKey, { token, shown })
    if (machine === undefined || shown.mark === null) return
    const marks = { target: machine?.token ?? 0, proxy: shown.mark, lease: machine }
    this.runtime.early.put(leaseKey, { token, marks })
  }

  /** Undefined: it is not needed, or not told. */
  async #machine(target: Target, id: string): Promise<MachineLease | null | undefined> {
    if (!readsEarly(target) || !this.runtime.early.isWanted(id)) return undefined
    return target.lease?.read(id).catch(() => undefined)
  }

  /** Undefined: it was not looked at, or what was seen may no longer be so. Once. */
  async take(resourceId: string, key: string): Promise<Shown | undefined> {
    await this.#running
    const leaseKey = resourceLeaseKey(resourceId, key)
    const look = this.#found.get(leaseKey)
    if (look === undefined) return undefined
    this.#found.delete(leaseKey)
    const { store } = this.runtime
    const lease = await store.readLease(leaseKey)
    if (lease?.holder != null || (lease?.token ?? 0) !== look.token) return undefined
    return isSame((await store.getResource(resourceId))?.live[key], look.shown.live) ? look.shown : undefined
  }
}

type Ids = Pick<RunningRef, 'deploymentId' | 'releaseId'>

const isSame = (live: Ids | undefined, seen: Ids | null): boolean =>
  live?.deploymentId === seen?.deploymentId && live?.releaseId === seen?.releaseId
