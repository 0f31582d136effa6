/** What a simulated user asks of an engine. */
export const verbs = [
  'create',
  'define',
  'plan',
  'retry',
  'redeploy',
  'rollback',
  'cancel',
  'remove',
  'recovery',
  'diagnostics',
  'look',
  'reconcile',
  'prune',
  'follow',
  'close',
] as const
export type Verb = (typeof verbs)[number]

/** Where an attempt is when somebody does something beside it. */
export const moments = ['executing', 'verifying', 'promoting', 'promoted', 'draining', 'rolling-back'] as const
export type Moment = (typeof moments)[number]

/** One call of a simulated user. JSON, so that a run can be written down. */
export interface Move {
  verb: Verb
  /** Which engine is asked, and about which resource. */
  engine: number
  resource: number
  /** Milliseconds after the user's former move was answered, and then until the newest attempt of the resource is there, if it comes there soon. */
  wait: number
  when?: Moment
  /** The next move waits for the end of the attempt that this one began. */
  untilDone?: boolean
  /** How the release behaves: `healthy`, `slow-300`, `sick`, … (`create`, `define`, `plan`). */
  release?: string
  /** Which deployment, counted back from the newest of the resource (`retry`, `rollback`, `cancel`, `recovery`, `follow`). */
  back?: number
  /** `rollback` to the oldest kept release instead of the one before. */
  to?: boolean
  fingerprint?: 'present' | 'stale'
  stateVersion?: 'present' | 'stale'
  key?: string
  force?: boolean
  /** Aborts the call's signal after so many milliseconds; closes with `cancel`. */
  abort?: number
  keep?: number
  history?: number
}

export interface ResourceSetup {
  exposure: 'proxy' | 'direct-port' | 'none'
  /** Hostname on the shared listener; null: a port of its own. */
  hostname: string | null
  overlap: boolean
  health: 'http' | 'tcp' | 'off'
  drainSeconds: number
  secret: boolean
  /** A release command, and how it ends. */
  command: 'none' | 'good' | 'bad'
}

export interface Setup {
  engines: number
  /** Stores, of which each engine has one, in turn. Default 1. With more, what holds of one store's view of the machine is not asked. */
  stores?: number
  /** The machine keeps records of its releases. Default: it does not. */
  records?: boolean
  /**
   * The machine is elsewhere, so many milliseconds there and back from the engines, which know it: what saves ways to it is done. Default: it
   * is their own.
   */
  far?: number
  /** Can the death of an engine be proven (one machine), or does only its standing heartbeat tell? */
  deaths: 'proven' | 'unknown'
  concurrency: 'supersede' | 'wait' | 'reject'
  identity: 'always' | 'verified'
  network: 'own' | 'shared'
  retention: number
  resources: ResourceSetup[]
  /** Each user's moves, in order. */
  users: Move[][]
  /** What becomes of the engines when the users are done, before the last reconcile. */
  ending: 'stay' | 'close' | 'kill'
}

/** What happens to one call of an engine: without one it takes no time and works. */
export interface Deviation {
  /** Milliseconds until it takes effect, and from there until the engine hears of it. */
  before?: number
  after?: number
  fault?: Fault
  /** Of a `pause`: its length. Of a crash: milliseconds until the engine is started again, -1 for never. */
  ms?: number
}

export const faults = [
  /** Fails, and nothing has happened. */
  'lost',
  /** Has its effect, and fails. */
  'unheard',
  /** Has half of its effect, and fails (`start`, `remove`). */
  'half',
  /** Answers that it cannot tell (`inspect`, `reach`). */
  'vague',
  /** Goes on after its signal was aborted. */
  'deaf',
  /** The engine dies before the call, after it was sent, or after it had its effect. */
  'crash',
  'crash-sent',
  'crash-heard',
  /** The engine stops (SIGSTOP) and goes on later. */
  'pause',
] as const
export type Fault = (typeof faults)[number]

/** A whole run, as data: by its seed, or, where `deviations` is given, by these alone. */
export interface Script {
  setup: Setup
  seed: number
  /** By engine and number of its call: `e0.0#17`. */
  deviations?: Record<string, Deviation>
  /** The run ends after so many steps. */
  steps?: number
}
