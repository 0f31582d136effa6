import type { z } from 'zod'
import type { Artifact, ArtifactKind } from './artifact.js'
import type { JsonObject } from './json.js'
import type { Basis, commandsSchema, frameworkSchema, runtimeSchema, SupportTier } from './plan.js'
import type { Exposure, Profiles } from './profiles.js'
import type { Evidence, Reason } from './reasons.js'
import type { Source, SourceTree } from './source.js'

/** What a planner is given. Everything in it is read-only. */
export interface PlannerContext {
  /** The directory to deploy: the base directory of the source. */
  tree: SourceTree
  /** The whole source: for a lockfile or a workspace definition above the base directory. */
  root: SourceTree
  /** The base directory relative to the source's root; `.` for the root itself. */
  baseDirectory: string
  source: Source
  profiles: Profiles
  /** What the target can run; null where no target filters (`plan --any-target`). */
  target: { key: string; artifactKinds: readonly ArtifactKind[]; exposures: readonly Exposure[] } | null
  signal: AbortSignal
}

/** "This source is mine, because …". The engine ranks claims by `basis`; two planners on the winning basis are `ambiguous-planner`. */
export interface Claim {
  basis: Basis
  supportTier: SupportTier
  /** One sentence for people: why this planner. */
  reason: string
  evidence: Evidence[]
  /** What the claim will become, so that a target that cannot run it sets it aside. */
  artifactKind: ArtifactKind
  /** The planner's own notes for its `plan`. JSON. */
  data?: JsonObject
}

/** What a planner found out. Profile values have already won wherever one was given. */
export interface PlanDraft {
  artifact: Artifact
  framework?: z.infer<typeof frameworkSchema>
  runtime?: z.infer<typeof runtimeSchema>
  commands: z.infer<typeof commandsSchema>
  network: {
    /** Only where the profile or evidence proves it: never guessed. Static sites have 80. */
    internalPort?: number
    from: 'profile' | 'planner' | 'none'
    /** Does the application listen where PORT says? */
    honoursPort: boolean
    targetServiceName?: string
  }
  evidence: Evidence[]
  warnings: Reason[]
}

/** Not ready, and why. What was found out all the same is shown in the preview. */
export interface Blocked {
  blocked: [Reason, ...Reason[]]
  draft?: Partial<PlanDraft>
}

export const isBlocked = (result: PlanDraft | Blocked): result is Blocked => 'blocked' in result

/**
 * Recognises a source and writes a plan for it. Reads only through `SourceTree`; runs nothing, evaluates no configuration file, keeps
 * no state between calls. Deterministic: the same tree and profiles give the same answer.
 *
 * Both methods may be called any number of times and concurrently. A thrown error blocks the plan with `planner-failed`.
 *
 * @example
 * export const planner = (): Planner => ({
 *   specVersion: 1,
 *   key: 'deno',
 *   async detect({ tree }) {
 *     if (!(await tree.has('deno.json'))) return null
 *     return { basis: 'framework', supportTier: 'generic', reason: 'a deno.json', evidence: [], artifactKind: 'workspace' }
 *   },
 *   async plan({ profiles }) { … }
 * })
 */
export interface Planner {
  readonly specVersion: 1
  /** Unique among the planners of an engine; what `runtime.planner` names. */
  readonly key: string
  /** Null: not mine. */
  detect(context: PlannerContext): Promise<Claim | null>
  /** Called with the claim that this planner's `detect` gave for the same context. */
  plan(context: PlannerContext, claim: Claim): Promise<PlanDraft | Blocked>
}
