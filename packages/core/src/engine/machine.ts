import { AppaloftError } from '../spec/errors.js'
import { leaseBeatMs, leaseGiveUpMs, resourceLeaseKey } from '../spec/lease.js'
import { isTerminal } from '../spec/phases.js'
import type { RouteTable } from '../spec/proxy.js'
import type { OwnedThing, RunningRef, Target } from '../spec/target.js'
import type { MachineLease } from '../spec/target-lease.js'
import { isLost, toAppaloftError } from './errors.js'
import { stoodStill, watch } from './fences.js'
import type { Runtime } from './runtime.js'

/** The deployment, or other work, whose engine raised the fence. */
export const ownerOf = ({ owner }: MachineLease): string => owner.replace(/\+.*$/, '')

export const isDeployment = (owner: string): boolean => owner.startsWith('dep_')

/**
 * Did an engine with another store raise the fence? Of those with this one, its own lease tells all. An attempt that held a machine has the
 * token in its record; what ran with another store is known as such, where the machine told of it.
 */
export async function isForeign(
  { store }: Runtime,
  target: Target,
  resourceId: string,
  { owner, token }: MachineLease,
): Promise<boolean> {
  const named = owner.split('+')
  const lease = await store.readLease(resourceLeaseKey(resourceId, target.key))
  // An attempt of this store that another one's engine took up has a token there that this store never gave.
  for (const id of named.filter(isDeployment)) {
    const known = await store.getDeployment(id)
    if (known === null || known.token === null || known.adopted) continue
    if (token <= Math.max(known.token, lease?.token ?? 0)) return false
  }
  return lease?.holder == null || !named.includes(lease.holder.deploymentId)
}

/**
 * What is live was deployed with another store, whoever held the machine since. Only where several stores may share it: elsewhere what
 * nobody knows is a leftover.
 */
export async function isStrange({ store }: Runtime, { lease }: Target, table: RouteTable | null): Promise<boolean> {
  if (lease === undefined || table?.live == null) return false
  return (await store.getDeployment(table.live.deploymentId)) === null
}

/**
 * Left by an attempt that has ended. Of one that is not known here, only an attempt that takes its place may tell, unless the machine tells
 * of all that is live, and not of this.
 */
export async function isStray({ store }: Runtime, target: Target, thing: OwnedThing): Promise<boolean> {
  const { deploymentId, resourceId } = thing
  const owner = await store.getDeployment(deploymentId)
  if (owner !== null) return isTerminal(owner.status)
  const { lease, records } = target
  if (lease === undefined || records === undefined) return lease === undefined
  const told = await records.list(resourceId)
  return told.every(({ name }) => name !== deploymentId)
}

/**
 * Is what this store knows to be live out of date? So it is after a holder with another store, and goes on to be until an attempt of this one
 * has succeeded.
 */
export async function isOutdated(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  machine: MachineLease | null,
): Promise<boolean> {
  if (machine === null) return false
  if (await isForeign(runtime, target, resourceId, machine)) return true
  const named = machine.owner.split('+').find(isDeployment)
  const last = named === undefined ? null : await runtime.store.getDeployment(named)
  const live = (await runtime.store.getResource(resourceId))?.live[target.key]
  return last !== null && last.previous === null && live !== undefined && live.deploymentId !== last.id
}

/** Is what this store knows to be live still what is? */
export async function isStillLive(target: Target, ref: RunningRef): Promise<boolean> {
  const table = target.proxy === null ? null : (await target.proxy.observe(ref.resourceId)).table
  if (table?.live != null) return table.live.deploymentId === ref.deploymentId
  return (await target.inspect(ref)).state !== 'absent'
}

/** As whom work that is no attempt raises the fence: with an attempt of this store behind it, by which its engines know that it was theirs. */
export async function workerName({ store }: Runtime, target: Target, resourceId: string, id: string): Promise<string> {
  if (target.lease === undefined) return id
  const attempts = await store.listDeployments({ resourceId, target: target.key, limit: 20 })
  const held = attempts.find(({ token, adopted }) => token !== null && !adopted)
  return held === undefined ? id : `${id}+${held.id}`
}

const seen = (runtime: Runtime, target: Target, resourceId: string, { token, beats }: MachineLease) =>
  watch(runtime, { key: `machine:${resourceId}@${target.key}`, token, beats })

/** Held, and its counter has not been seen to stand still for long. */
export const isAtWork = (runtime: Runtime, target: Target, resourceId: string, machine: MachineLease): boolean =>
  machine.held && !stoodStill(runtime, seen(runtime, target, resourceId, machine))

/** Null: the machine is free for this store, or its holder is gone. Else who holds it. */
export async function foreignHolder(
  runtime: Runtime,
  target: Target,
  resourceId: string,
  machine: MachineLease | null,
): Promise<MachineLease | null> {
  if (machine === null || !machine.held || !(await isForeign(runtime, target, resourceId, machine))) return null
  return isAtWork(runtime, target, resourceId, machine) ? machine : null
}

/** For whoever raises a fence: is the machine held with another store, or did an engine with another one come since the marks were read? */
export const othersOn =
  (runtime: Runtime, target: Target, resourceId: string) =>
  async (machine: MachineLease, since: boolean): Promise<boolean> =>
    since
      ? isForeign(runtime, target, resourceId, machine)
      : (await foreignHolder(runtime, target, resourceId, machine)) !== null

/** Asks the holder to give way, where it is an attempt: work that is none is soon over. */
export async function askToGiveWay(
  { lease }: Target,
  resourceId: string,
  machine: MachineLease,
  by: string,
): Promise<void> {
  if (machine.wanted === null && isDeployment(ownerOf(machine))) await lease?.ask(resourceId, machine.token, by)
}

/** With `reject`: an attempt of another store, as soon as it was seen to live. */
export function refuseBeside(runtime: Runtime, target: Target, resourceId: string, machine: MachineLease): void {
  const deploymentId = ownerOf(machine)
  if (!isDeployment(deploymentId) || !seen(runtime, target, resourceId, machine).moved) return
  throw new AppaloftError('deployment-in-progress', {
    phase: 'plan',
    message: `${deploymentId} is running, from another engine with another store.`,
    details: { deploymentId },
  })
}

interface Heard {
  /** Another holds the machine. */
  lost(error: AppaloftError): void
  /** A deployment asks for it. */
  wanted(by: string): void
}

/** The heartbeat of a machine's lease: held from the raised fence until `letGo`. */
export class MachineHold {
  readonly #stopped = new AbortController()
  readonly #running: Promise<void>
  #last: number

  constructor(
    private readonly runtime: Runtime,
    private readonly target: Target,
    private readonly held: { resourceId: string; token: number },
    private readonly heard: Heard,
  ) {
    this.#last = runtime.clock.monotonic()
    this.#running = target.lease === undefined ? Promise.resolve() : this.#run()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    for (;;) {
      await this.runtime.clock.sleep(leaseBeatMs, { signal, unref: true }).catch(() => {})
      if (signal.aborted) return
      try {
        await this.#beat()
      } catch (error) {
        // A machine that does not answer is no lost lease: whoever takes it meanwhile raises the fence.
        if (isLost(error)) return this.heard.lost(toAppaloftError(error))
      }
    }
  }

  async #beat(): Promise<void> {
    const { lease } = this.target
    const { resourceId, token } = this.held
    const asked = this.runtime.clock.monotonic()
    const told = await lease?.beat(resourceId, token, { signal: this.#stopped.signal })
    this.#last = asked
    if (told != null && told.wanted !== null && !this.#stopped.signal.aborted) this.heard.wanted(told.wanted)
  }

  /**
   * Before anything that cannot be taken back: who has not beaten for long, since it was stopped or cut off, may have lost the machine, and
   * does nothing more before it has beaten again. Errors: `fenced`.
   */
  async sure(): Promise<void> {
    const standing = this.runtime.clock.monotonic() - this.#last
    if (this.target.lease !== undefined && standing > leaseGiveUpMs) await this.#beat()
  }

  /** Ends the heartbeat, and gives the lease back beside what comes next: nobody waits for it. */
  async letGo(): Promise<void> {
    if (this.#stopped.signal.aborted) return
    this.#stopped.abort()
    await this.#running
    const { lease } = this.target
    const { resourceId, token } = this.held
    // What cannot be told is soon seen: the counter stands still.
    if (lease !== undefined) this.runtime.beside(lease.release(resourceId, token).catch(() => undefined))
  }
}
