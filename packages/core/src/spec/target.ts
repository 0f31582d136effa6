import type { ArtifactKind } from './artifact.js'
import type { JsonObject } from './json.js'
import type { Plan, PlanStep } from './plan.js'
import type { Command, Exposure } from './profiles.js'
import type { Progress } from './progress.js'
import type { Address, CallOptions, FenceOptions, Proxy } from './proxy.js'
import type { Reason } from './reasons.js'
import type { ReleaseRecord } from './release.js'
import type { TargetLease } from './target-lease.js'
import type { TargetRecords } from './target-records.js'

export interface TargetCapabilities {
  artifactKinds: readonly ArtifactKind[]
  exposures: readonly Exposure[]
  /** Can two releases of a resource run at once? */
  overlap: boolean
  /**
   * `own`: each release has a network of its own and listens on the plan's internal port. `shared`: releases share the machine's ports; the
   * target gives each a free one in PORT, and the internal port is only a name.
   */
  network: 'own' | 'shared'
  upstreamProtocols: readonly ('http' | 'tcp')[]
  /** Kinds of health check besides the engine's own probes. */
  healthCommand: boolean
  replicas: boolean
  /** Limits of CPU and memory. */
  limits: boolean
  volumes: boolean
  binds: boolean
  /** `exec` works. */
  exec: boolean
  /** Where run-time environment lies in clear text while a release runs, for people; null: nowhere. */
  clearEnvironment: string | null
  fencing: 'compare' | 'name' | 'none'
}

/** What the preview shows of a target: pure data, made without touching anything. */
export interface TargetDescription {
  steps: PlanStep[]
  generatedFiles: { path: string; content: string }[]
  warnings: Reason[]
  /** Why this target cannot run this plan. */
  unsupportedReasons: Reason[]
}

/** Names a running thing: an attempt that runs a release. Names of everything created derive from it. */
export interface RunningRef {
  resourceId: string
  deploymentId: string
  releaseId: string
}

export interface LogLine {
  stream: 'stdout' | 'stderr'
  /** Without its line break. A line of more than 16 KiB is cut there or comes in pieces; the engine hides what of a secret the cut left. */
  text: string
  /** Where the line tells how far a part of the step is. */
  progress?: Progress
}

/** Common to every effect. */
export interface EffectContext extends RunningRef {
  /** Effects below the fence are refused with `fenced`. */
  token: number
  /** Aborted on cancel, on expiry of the step's time and on a lost lease. Work of the target's own, process groups included, ends before the call rejects. */
  signal: AbortSignal
  /** A line of output. Redacted and bounded by the engine. Never throws. */
  log(line: LogLine): void
}

export interface BuildInput extends EffectContext {
  plan: Plan
  /**
   * A private, checked copy of the source's root: read-only for the target, which copies what it builds in. Null for sources without files.
   */
  sourceDirectory: string | null
  /** Clear values of the variables of build scope. Never into argv, layers or logs. */
  environment: Readonly<Record<string, string>>
  /** Which of them are secret. */
  secretNames: readonly string[]
  /** Equal digests: equal inputs. What was built from them once is not built again, unless `noCache`. */
  inputsDigest: string
  noCache: boolean
}

/** A build before the fence is raised. Nothing of it may be done yet. */
export type ComingBuild = Omit<BuildInput, 'token' | 'sourceDirectory' | 'log'>

export interface BuildResult {
  /** The target's own description of what it built; kept in the release. */
  artifact: JsonObject
  /** Nothing was built: the same inputs had been built before. */
  cached: boolean
}

export interface ReleaseInput extends EffectContext {
  release: ReleaseRecord
  /** Clear values of the variables of run-time scope and APPALOFT_*. PORT is the target's own affair. */
  environment: Readonly<Record<string, string>>
  secretNames: readonly string[]
}

export interface CommandResult {
  /** Null where a signal ended it. */
  exitCode: number | null
  signal: string | null
  /** The last lines of output, oldest first, at most 50. */
  lastLogs: string[]
}

export interface InstanceState {
  /** The target's own name of it. */
  id: string
  state: 'starting' | 'running' | 'restarting' | 'exited' | 'unknown'
  pid?: number
  exitCode?: number
  signal?: string
  restarts: number
  /** Ports on which its processes were seen listening; absent where the target cannot tell. */
  listening?: number[]
  /** Ports on which it listens for itself alone: on the loopback of a network of its own, where nobody else comes in. */
  listeningLocally?: number[]
  /** The port that the target expects it to listen on. */
  expectedPort?: number
  outOfMemory?: boolean
  startedAt?: string
}

/** `absent`: there is no such thing. `unknown`: could not observe. */
export interface RunningState {
  state: 'running' | 'starting' | 'exited' | 'absent' | 'unknown'
  instances: InstanceState[]
}

/** Where a release answers: for the engine's probes, and for the target's own proxy. One address an instance. */
export interface Reach {
  probe: Address[]
  upstream: Address[]
}

export interface OwnedThing extends RunningRef {
  state: RunningState['state']
}

export interface ProbeReport {
  ok: boolean
  checks: { id: string; status: 'passed' | 'warning' | 'failed'; message: string; fix?: string }[]
}

/**
 * The machine or engine that runs releases; owns its proxy. Every method but `describe` is idempotent and takes an AbortSignal.
 * Nothing without our ownership labels is ever stopped or removed.
 *
 * Called by the engine only. Errors: `fenced`, `runtime-backend-unavailable`, `disk-full`, `unsupported-operation`, and those named at each method. A target
 * may attach `details.lastLogs` (string[]) and `details.exitCode` to its errors; the engine carries them into the failure.
 */
export interface Target {
  readonly specVersion: 1
  /** Unique among the targets of an engine. */
  readonly key: string
  readonly capabilities: TargetCapabilities
  /** The machine as its users name it in URLs: a hostname or an address, of IPv6 in brackets. Default `127.0.0.1`. */
  readonly address?: string
  /** Null: this target offers no exposure `proxy`. */
  readonly proxy: Proxy | null
  /** Where the machine keeps what there is to know of its releases, for engines with another store. Absent: that is in the store alone. */
  readonly records?: TargetRecords
  /** Told once by the engine before any other call but `describe`; again where it failed. Cheap: starts nothing, creates nothing. */
  open?(context: { stateDir: string }): Promise<void>
  /** Pure and synchronous: neither the machine nor the proxy is asked. */
  describe(plan: Plan, previousRelease?: ReleaseRecord): TargetDescription
  /**
   * Told of a build ahead of its fence, with what `build` will be told: the target may ask for what it is going to need together with the
   * fence. Returns at once, changes nothing and never fails; what was found is only used where a former holder could not have changed it
   * since. The build may also never come. @param previous the release that is live
   */
  prepare?(coming: ComingBuild, previous: ReleaseRecord | null): void
  /** The present fence of a resource: 0 where none was raised. */
  mark(resourceId: string, options?: CallOptions): Promise<number>
  /**
   * Raises the fence durably, by compare-and-set, as `Proxy.fence` does. What a former holder had begun before may come to its end until the
   * first call after it that looks at releases, or changes them.
   */
  fence(resourceId: string, token: number, options: FenceOptions): Promise<void>
  /** Where several engines without a common store may reach the machine: it tells them of each other. Absent: only the fence keeps them apart. */
  readonly lease?: TargetLease
  /** Is the machine ready, with its tools, space and proxy? For `doctor`, and before an attempt's first effect. */
  probe(options?: CallOptions): Promise<ProbeReport>
  /** Errors: `install-failed`, `build-failed`, `package-failed`, `lockfile-out-of-step`, `command-not-found`, `publish-directory-missing`, `image-pull-failed`. */
  build(input: BuildInput): Promise<BuildResult>
  /** Brings what was built to the machine; nothing to do where it was built there. */
  upload(input: ReleaseInput): Promise<void>
  /** Runs the release command before any candidate runs, with PORT unset. A command that fails is a result. */
  run(input: ReleaseInput, command: Command): Promise<CommandResult>
  /** Starts the candidate beside the running release; resolves when its processes are started, not when they are healthy. Errors: `start-failed`. */
  start(input: ReleaseInput): Promise<void>
  /** Runs a command inside a running release. */
  exec(
    ref: RunningRef,
    command: Command,
    options?: CallOptions & { onLine?(line: LogLine): void },
  ): Promise<CommandResult>
  inspect(ref: RunningRef, options?: CallOptions): Promise<RunningState>
  /** Lines of a release's output, oldest first. `tail`: only the last so many (default all that is kept). `follow`: until aborted or the release is gone. */
  logs(
    ref: RunningRef,
    options?: CallOptions & { tail?: number; follow?: boolean },
  ): AsyncIterable<LogLine & { at?: string }>
  /** Gracefully: SIGTERM, the grace (default 10 s), SIGKILL, for all its processes. Resolves when they are gone. It stays known until `remove`. */
  stop(ref: RunningRef, token: number, options?: CallOptions & { graceSeconds?: number }): Promise<void>
  /** Starts again what `stop` stopped, as it was: for exposures that cannot overlap. */
  restart(ref: RunningRef, token: number, options?: CallOptions): Promise<void>
  /** Stops it if it runs, and forgets it. What was built stays. */
  remove(ref: RunningRef, token: number, options?: CallOptions): Promise<void>
  /** Removes what was built, except what a retained release still needs; with `volumes`, the resource's volumes too. */
  discard(
    release: ReleaseRecord,
    token: number,
    options: CallOptions & { retained: readonly ReleaseRecord[]; volumes?: boolean },
  ): Promise<void>
  /**
   * Everything of ours that belongs to the resource, by ownership labels, whoever started it. `soon`: `promoted` and `remove` of what is
   * listed are about to follow, so that a target may look at what they need as well, and keep it for them; nothing is changed by it, and they may never come.
   */
  list(resourceId: string, options?: CallOptions & { soon?: boolean }): Promise<OwnedThing[]>
  /** Where the release's port answers. Empty lists: not yet known. `soon`: it is probed in a moment, and the way there may be opened for that. */
  reach(ref: RunningRef, port: number, options?: CallOptions & { soon?: boolean }): Promise<Reach>
  /**
   * Called once after the recorded promotion and passed access, and before the drain (a Compose service takes its name). `proven` resolves when it is sure that the
   * traffic stays: what neither `remove` nor `restore` takes back waits for it. Where it rejects, so does this, or it is done.
   */
  promoted?(input: ReleaseInput, previous: RunningRef | null, options?: { proven?: Promise<void> }): Promise<void>
  /** Called in `rollback` before the candidate is removed: undo what `start` changed beside the candidate. */
  restore?(
    candidate: RunningRef,
    previous: { ref: RunningRef; release: ReleaseRecord } | null,
    token: number,
    options?: CallOptions,
  ): Promise<void>
  close?(): Promise<void>
}
