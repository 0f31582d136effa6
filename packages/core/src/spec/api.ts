import type { Clock } from './clock.js'
import type { Credentials } from './credentials.js'
import type { Deployment } from './deployment.js'
import type { ErrorJson } from './errors.js'
import type { DeploymentEvent, Envelope, EventType } from './events.js'
import type { Ids } from './ids.js'
import type { Liveness } from './liveness.js'
import type { Status } from './phases.js'
import type { Preview } from './plan.js'
import type { Planner } from './planner.js'
import type { Prober } from './prober.js'
import type { Command, ResourceDefinition, VariableChanges } from './profiles.js'
import type { Diagnostics, Recovery } from './recovery.js'
import type { DeployRequest } from './request.js'
import type { ResourceRecord } from './resource.js'
import type { Rollout, RolloutHandle, RolloutOptions, RolloutRequest } from './rollout.js'
import type { Secrets } from './secrets.js'
import type { Store } from './store.js'
import type { CommandResult, LogLine, RunningState, Target } from './target.js'

export interface AppaloftOptions {
  store: Store
  /** At least one; keys are unique. */
  targets: readonly Target[]
  planners: readonly Planner[]
  /** Default: AES-256-GCM with a key in the state folder, or in `APPALOFT_SECRET_KEY`. */
  secrets?: Secrets
  credentials?: Credentials
  clock?: Clock
  ids?: Ids
  /** How checks reach addresses. Default: sockets of this machine. */
  prober?: Prober
  /** How the death of another engine's process is proven. Default: /proc. */
  liveness?: Liveness
  /** Source cache, sealed key and what targets keep on this machine. Default `$APPALOFT_STATE_DIR`, else `$XDG_STATE_HOME/appaloft`, else `~/.local/state/appaloft`. */
  stateDir?: string
  /** What a new attempt does where another one of the same resource and target runs. Default `supersede`. */
  concurrency?: 'supersede' | 'wait' | 'reject'
  /** May users see the identity header? `always` (default), or only `verified` requests. */
  identity?: 'always' | 'verified'
  /** Successful releases to keep for a rollback, the live one included. Default 5. */
  retention?: number
}

export interface CreateOptions {
  /** Called for each event, in order. A listener that throws cannot break the deployment. */
  onEvent?(event: DeploymentEvent): void
  /** Aborting it cancels the deployment. */
  signal?: AbortSignal
}

/** A running attempt. */
export interface DeploymentHandle {
  readonly id: string
  /** Resolves when traffic has moved; rejects with the failure when the attempt ends before that. Never an unhandled rejection. */
  readonly promoted: Promise<void>
  /**
   * The final deployment, also a failed or blocked one. Rejects only for misuse, and with `store-unavailable` where its end could not be recorded
   * for two minutes: whoever opens the store next brings it to its end. Never an unhandled rejection.
   */
  readonly done: Promise<Deployment>
  events(options?: EventsOptions): AsyncIterableIterator<Envelope>
}

export interface EventsOptions {
  /** Exclusive; from an envelope of this deployment. Default: from the beginning. */
  cursor?: string
  /** Go on live, up to the attempt's end or the engine's `close`. Default false: closes with `source-ended`, or `completed` where the attempt has ended. */
  follow?: boolean
  /** While nothing happens, a heartbeat each so many seconds. Default 15; 0: none. */
  heartbeatSeconds?: number
  /** Closes after so many seconds without an event. Default: never. */
  idleTimeoutSeconds?: number
  signal?: AbortSignal
}

export interface LogsOptions {
  /** Only the last so many lines, of build and release together. Default: all that is kept. */
  tail?: number
  /** Go on as it happens, up to the release's end. Default false. */
  follow?: boolean
  signal?: AbortSignal
}

export interface LogEntry extends LogLine {
  source: 'build' | 'runtime'
  at?: string
  deploymentId: string
}

export interface Resources {
  /**
   * Defines or replaces; idempotent. Answers with the resource, secrets only by name and version. Variables that `setVariables` set stay
   * where the definition does not name them. `invalid-input` names every fault with its path.
   */
  define(definition: ResourceDefinition): Promise<ResourceRecord>
  get(id: string): Promise<ResourceRecord | null>
  list(): Promise<ResourceRecord[]>
  /**
   * Sets variables of a defined resource, or takes them away (null), without the rest of its definition; what runs has them after the next
   * deployment. Idempotent: equal values change nothing, and a secret gets a new version only for a new value. A scope or `secret` left out
   * stays as it is. `resource-not-found`, `invalid-input`; with a `stateVersion` that is out of date `recovery-state-stale`.
   *
   * @example await appaloft.resources.setVariables('res_shop', { LOG_LEVEL: { value: 'debug' }, OLD_FLAG: null })
   */
  setVariables(id: string, changes: VariableChanges, options?: { stateVersion?: number }): Promise<ResourceRecord>
  /**
   * A target that does not answer is no error: its `problem` says why, beside what the store knows. `resource-not-found`, `target-not-found`.
   */
  status(id: string, options?: { target?: string; signal?: AbortSignal }): Promise<ResourceStatus>
  /**
   * The current profiles, detected and planned afresh; with `force` (default false) without any cache. `resource-not-found`, `target-not-found`,
   * `recovery-state-stale`.
   */
  redeploy(
    id: string,
    options?: CreateOptions & { force?: boolean; target?: string; stateVersion?: number },
  ): Promise<DeploymentHandle>
  /**
   * Routes first, then drain (at most 10 s), releases, records; `volumes` (default false) with what the resource keeps in them. Attempts under way
   * are canceled, or waited for. Idempotent: what is not there is no error. `runtime-backend-unavailable` where a target that has something of it does
   * not answer; from the others it is removed all the same, and of several `details.targets` are those that still have it.
   */
  remove(id: string, options?: { volumes?: boolean; signal?: AbortSignal }): Promise<void>
  /**
   * Build logs of the live release's attempt, joined with its output; nothing where none is live. The first `next` rejects with
   * `resource-not-found`, `target-not-found` or `invalid-input`.
   */
  logs(id: string, options?: LogsOptions & { target?: string }): AsyncIterableIterator<LogEntry>
  /**
   * Runs a command in the live release; one that fails is a result. What it prints is not redacted. `resource-not-found`, `target-not-found`,
   * `release-not-found` where none is live, `runtime-backend-unavailable`.
   */
  exec(
    id: string,
    command: Command,
    options?: { target?: string; signal?: AbortSignal; onLine?(line: LogLine): void },
  ): Promise<CommandResult>
}

/** Desired against observed. */
export interface ResourceStatus {
  resourceId: string
  target: string
  stateVersion: number
  desired: { deploymentId: string; releaseId: string } | null
  observed: {
    live: { deploymentId: string; releaseId: string } | null
    state: RunningState['state']
    running: RunningState | null
  }
  /** Where it is served; with a `problem`, where it was when it was deployed. */
  urls: string[]
  drift: { code: string; message: string }[]
  /** The attempt that runs now, if any. */
  activeDeploymentId: string | null
  /** Why the target or its proxy could not be asked: what was not observed is `unknown` or null then, and no drift. */
  problem: ErrorJson | null
}

export interface ListQuery {
  resourceId?: string
  statuses?: Status[]
  /** Default 50, at most 1,000. */
  limit?: number
  /** From the former page. */
  cursor?: string
}

export interface Deployments {
  /**
   * Detect and plan alone: creates nothing, writes nothing but the source cache. A blocked plan is a value, not an exception. `invalid-input`,
   * `resource-not-found`, `target-not-found`.
   */
  plan(request: DeployRequest, options?: { signal?: AbortSignal }): Promise<Preview>
  /**
   * Answers when the attempt is recorded; with an `idempotencyKey` that the resource had before, with a handle of that attempt. `invalid-input`,
   * `resource-not-found`, `target-not-found`, `recovery-state-stale`; what goes wrong later is the deployment's `failure`.
   */
  create(request: DeployRequest, options?: CreateOptions): Promise<DeploymentHandle>
  /** `deployment-not-found`. */
  show(id: string): Promise<Deployment>
  /** Newest first; `cursor` is null where there are no more. `cursor-invalid`. */
  list(query?: ListQuery): Promise<{ items: Deployment[]; cursor: string | null }>
  /**
   * Replay, then live: subscribes when called. A consumer may be as slow as it likes; it reads the store page by page, and delays nobody. The
   * first `next` rejects with `invalid-input`, `cursor-invalid` or `deployment-not-found`; what fails later is an envelope of the kind
   * `error`. Ends with `closed` or `error`, at once when returned or aborted. Events are shared between observers: do not change them.
   */
  events(id: string, options?: EventsOptions): AsyncIterableIterator<Envelope>
  /** Build logs joined with the running release's. The first `next` rejects with `invalid-input` or `deployment-not-found`. */
  logs(id: string, options?: LogsOptions): AsyncIterableIterator<LogEntry>
  /**
   * The failed, canceled or interrupted attempt's snapshot once more, with the secrets of then, or today's (`secrets: 'current'`).
   * `deployment-not-found`, `not-terminal`, `not-retryable`, `recovery-state-stale`.
   */
  retry(id: string, options?: CreateOptions & { stateVersion?: number; secrets?: 'current' }): Promise<DeploymentHandle>
  /**
   * A former release, never re-planned nor rebuilt; without `to`, the one live before the present one. Takes a deployment's or a resource's id; with
   * the secrets of then, or today's (`secrets: 'current'`). `deployment-not-found`, `resource-not-found`, `target-not-found`, `nothing-to-roll-back`,
   * `release-not-found`, `recovery-state-stale`.
   */
  rollback(
    id: string,
    options?: CreateOptions & { to?: string; target?: string; stateVersion?: number; secrets?: 'current' },
  ): Promise<DeploymentHandle>
  /**
   * The same on several targets, each by an attempt of its own, batch after batch: the next begins when access has passed on all of the
   * former (with `promote: 'together'`, when they are verified). The first failure stops the rest. Every target gets the same source:
   * one that changed meanwhile fails with `plan-stale`. Answers when the attempts of the first batch are recorded. One rollout of a
   * resource at a time: `concurrency` says what another one does. With an idempotency key that the resource has used before, the former rollout is the answer.
   * `target-not-found`, `invalid-input`, `nothing-to-roll-back`, `deployment-in-progress`, `plan-stale` where a fingerprint is another one now.
   *
   * @example
   * const { done } = await appaloft.deployments.rollout({ resource: 'res_shop' }, { batch: { first: 1, rest: 4 }, promote: 'together' })
   */
  rollout(request: RolloutRequest, options?: RolloutOptions): Promise<RolloutHandle>
  /** What became of every target so far, by the records of the attempts: also of a rollout that another process conducts. `rollout-not-found`. */
  showRollout(id: string): Promise<Rollout>
  /**
   * Up to promotion: stops the running work and compensates. Resolves when the request is recorded. Of a rollout (`rol_…`) it stops what
   * runs and begins nothing more; `together`, or with `onFailure: 'rollback'`, what was promoted goes back as well. Idempotent while it is under way.
   * `already-promoted`, `rollback-in-progress`, `already-terminal`, `deployment-not-found`, `rollout-not-found`.
   */
  cancel(id: string): Promise<void>
  /**
   * What can be done after this attempt, with why not, and the `stateVersion` that makes a verb fail when the resource changes meanwhile.
   * `deployment-not-found`.
   */
  recovery(id: string): Promise<Recovery>
  /** One document without secrets for a ticket. A section that cannot be read degrades alone. `deployment-not-found`. */
  diagnostics(id: string, options?: { signal?: AbortSignal }): Promise<Diagnostics>
}

export interface Problem {
  /** Null: it is one of a target as a whole. */
  resourceId: string | null
  code: string
  message: string
}

export interface ReconcileReport {
  /** Attempts that were brought to their end, with the status they got. */
  ended: { deploymentId: string; status: Status }[]
  /** Running things nobody owned. */
  removed: { deploymentId: string; releaseId: string }[]
  /** Resources whose routes were made equal to the last promotion. */
  routed: string[]
  /** What could not be done, with why; the next call tries again. */
  problems: Problem[]
}

export interface PruneOptions {
  /** Default: all. */
  resourceId?: string
  /** Successful releases to keep of each resource and target, the live one included. Default: the engine's `retention`. */
  keep?: number
  /** Ended attempts of each resource whose events are kept, newest first; those of a kept release stay as well. Default 100. */
  history?: number
}

export interface PruneReport {
  releases: string[]
  /** Events that were forgotten; their attempts are still shown. */
  events: number
  /** Kept although beyond retention, and why. */
  kept: { releaseId: string; reason: string }[]
}

export type EngineEvents = { [T in EventType]: (event: DeploymentEvent) => void } & {
  event: (event: DeploymentEvent) => void
}

export interface Appaloft {
  readonly resources: Resources
  readonly deployments: Deployments
  /** Brings attempts without a living holder to a truthful end, removes what nobody owns, makes routes equal the last promoted release. */
  reconcile(options?: { signal?: AbortSignal }): Promise<ReconcileReport>
  /** Retention now. */
  prune(options?: PruneOptions): Promise<PruneReport>
  /** The same events, inside the process. */
  on<T extends keyof EngineEvents>(type: T, listener: EngineEvents[T]): void
  off<T extends keyof EngineEvents>(type: T, listener: EngineEvents[T]): void
  /**
   * Waits for running attempts (`wait`, default) or cancels them. Never stops a release. Idempotent; every other call after it is refused with
   * `engine-closed`.
   */
  close(options?: { mode?: 'wait' | 'cancel' }): Promise<void>
}
