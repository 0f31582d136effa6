import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { defaultSecrets } from '../secrets/index.js'
import type { AppaloftOptions } from '../spec/api.js'
import type { Clock } from '../spec/clock.js'
import type { Credentials } from '../spec/credentials.js'
import { AppaloftError } from '../spec/errors.js'
import type { Ids } from '../spec/ids.js'
import type { Holder } from '../spec/lease.js'
import type { Liveness } from '../spec/liveness.js'
import type { Status } from '../spec/phases.js'
import type { Planner } from '../spec/planner.js'
import type { Prober } from '../spec/prober.js'
import type { Secrets } from '../spec/secrets.js'
import type { Store } from '../spec/store.js'
import type { Target } from '../spec/target.js'
import { createBus } from './bus.js'
import { systemClock } from './clock.js'
import { EarlyReads } from './early-reads.js'
import { createFeed, type Feed } from './feed.js'
import { Holdings } from './holdings.js'
import { ulidIds } from './ids.js'
import { systemLiveness } from './liveness.js'
import { socketProber } from './prober.js'

/** What the parts of one engine share. Nothing of it is global: two engines in one process do not meet. */
export interface Runtime {
  store: Store
  targets: ReadonlyMap<string, Target>
  planners: readonly Planner[]
  secrets: Secrets
  credentials: Credentials | undefined
  clock: Clock
  ids: Ids
  prober: Prober
  liveness: Liveness
  stateDir: string
  concurrency: 'supersede' | 'wait' | 'reject'
  identity: 'always' | 'verified'
  retention: number
  engineId: string
  bus: ReturnType<typeof createBus>
  feed: Feed
  holdings: Holdings
  early: EarlyReads
  /** Work that nobody waits for but whoever closes the engine. Never rejects. */
  beside(work: Promise<unknown>): void
  /** What is under way of it. */
  besides: ReadonlySet<Promise<unknown>>
  holder(deploymentId: string): Holder
  now(): string
  /** Waits on the engine's clock; rejects with the signal's reason. */
  pause(ms: number, signal?: AbortSignal): Promise<void>
  /** Brings one attempt whose holder is gone to its end: given by the composition, since it needs every phase. */
  recover(deploymentId: string, by: string): Promise<Status | null>
}

export function createRuntime(
  options: AppaloftOptions,
  recover: (runtime: Runtime, id: string, by: string) => Promise<Status | null>,
): Runtime {
  const issues = faults(options)
  if (issues.length > 0) {
    throw new AppaloftError('invalid-composition', {
      message: `createAppaloft was given parts that do not fit: ${issues.join('; ')}.`,
      details: { issues },
    })
  }
  const stateDir = resolve(options.stateDir ?? defaultStateDir())
  const clock = options.clock ?? systemClock()
  const ids = options.ids ?? ulidIds()
  const liveness = options.liveness ?? systemLiveness()
  const engineId = ids.next('eng')
  const recovering = new Map<string, Promise<Status | null>>()
  const besides = new Set<Promise<unknown>>()
  const runtime: Runtime = {
    store: options.store,
    targets: new Map(options.targets.map((target) => [target.key, target])),
    planners: options.planners,
    secrets: options.secrets ?? defaultSecrets({ stateDir }),
    credentials: options.credentials,
    clock,
    ids,
    prober: options.prober ?? socketProber(),
    liveness,
    stateDir,
    concurrency: options.concurrency ?? 'supersede',
    identity: options.identity ?? 'always',
    retention: options.retention ?? 5,
    engineId,
    bus: createBus(),
    feed: createFeed(options.store),
    holdings: new Holdings(),
    early: new EarlyReads(),
    besides,
    beside(work) {
      besides.add(work)
      void work.finally(() => besides.delete(work))
    },
    holder: (deploymentId) => ({ engineId, deploymentId, ...liveness.self }),
    now: () => new Date(clock.now()).toISOString(),
    pause: (ms, signal) => clock.sleep(ms, signal === undefined ? {} : { signal }),
    recover(id, by) {
      // Whoever asks meanwhile gets the same answer: two of one engine would take the lease from each other.
      const present = recovering.get(id) ?? recover(runtime, id, by).finally(() => recovering.delete(id))
      recovering.set(id, present)
      return present
    },
  }
  return runtime
}

function defaultStateDir(): string {
  const { APPALOFT_STATE_DIR, XDG_STATE_HOME } = process.env
  if (APPALOFT_STATE_DIR) return APPALOFT_STATE_DIR
  return join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'appaloft')
}

/** Every fault of the composition at once. */
function faults(options: AppaloftOptions): string[] {
  const issues: string[] = []
  const version = (part: { specVersion?: unknown; key?: unknown } | undefined, name: string) => {
    if (part === undefined || part === null) return issues.push(`${name} is missing`)
    if (part.specVersion !== 1) issues.push(`${name} has specVersion ${String(part.specVersion)}, 1 is needed`)
    if (typeof part.key !== 'string' || part.key === '') issues.push(`${name} has no key`)
  }
  version(options.store, 'store')
  if (!options.targets?.length) issues.push('targets is empty')
  const unique = (kind: string, keys: string[]) => {
    for (const key of new Set(keys.filter((one, i) => keys.indexOf(one) !== i)))
      issues.push(`two ${kind} have the key ${key}`)
  }
  for (const [i, target] of (options.targets ?? []).entries()) {
    version(target, `targets[${i}]`)
    if (target?.proxy) version(target.proxy, `targets[${i}].proxy`)
  }
  for (const [i, planner] of (options.planners ?? []).entries()) version(planner, `planners[${i}]`)
  unique(
    'targets',
    (options.targets ?? []).map((one) => one.key),
  )
  unique(
    'planners',
    (options.planners ?? []).map((one) => one.key),
  )
  if (options.retention !== undefined && !(Number.isInteger(options.retention) && options.retention >= 1))
    issues.push('retention must be a whole number from 1')
  return issues
}

/** The target by key; the only one is the default. */
export function targetOf(runtime: Runtime, key: string | null | undefined): Target {
  if (key === undefined || key === null) {
    const [only, ...others] = runtime.targets.values()
    if (only !== undefined && others.length === 0) return only
  }
  const found = key === undefined || key === null ? undefined : runtime.targets.get(key)
  if (found !== undefined) return found
  const known = [...runtime.targets.keys()]
  throw new AppaloftError('target-not-found', {
    message: key
      ? `There is no target ${key}; there are: ${known.join(', ')}.`
      : `Name one of the targets: ${known.join(', ')}.`,
    details: { targets: known },
  })
}
