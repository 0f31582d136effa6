import assert from 'node:assert/strict'
import {
  type Blocked,
  type Claim,
  type Evidence,
  isBlocked,
  type PlanDraft,
  type Planner,
  type PlannerContext,
  type Profiles,
  type Reason,
  type Source,
} from '@appaloft/core/spec'
import { memoryTree } from '../../trees/memory.js'
import type { ConformanceCase } from '../suite.js'

/** A source as a sample: its files, and what is asked of it. */
export interface PlannerSample {
  name: string
  /** Path from the source's root → text. A path with a trailing `/` is an empty directory. */
  files: Record<string, string>
  /** Default `.`. */
  baseDirectory?: string
  profiles?: Partial<Profiles>
  /** Default a local folder. */
  source?: Source
}

export interface PlannerSubject {
  /** A new planner. */
  create(): Planner
  /** Sources that the planner claims and plans without a blocker. At least one. */
  claimed: readonly PlannerSample[]
  /** Sources that it claims, and whose plan is blocked. */
  blocked: readonly PlannerSample[]
  /** Sources of others. At least one. */
  foreign: readonly PlannerSample[]
}

export type Outcome = { claim: null } | { claim: Claim; result: PlanDraft | Blocked }

export const plannerCase = (
  id: string,
  title: string,
  run: (subject: PlannerSubject) => Promise<void>,
): ConformanceCase<PlannerSubject> => ({ id, title, requires: [], run })

/** The files below the base directory, by their paths in it. */
function below(files: Record<string, string>, baseDirectory: string): Record<string, string> {
  if (baseDirectory === '.') return files
  const prefix = `${baseDirectory}/`
  const inside = Object.entries(files).filter(([path]) => path.startsWith(prefix) && path !== prefix)
  return Object.fromEntries(inside.map(([path, text]) => [path.slice(prefix.length), text]))
}

export function contextOf(sample: PlannerSample, profiles: Partial<Profiles> = {}): PlannerContext {
  const { files, baseDirectory = '.', source = { kind: 'local-folder', path: '/source' } } = sample
  const given = sample.profiles
  return {
    tree: memoryTree(below(files, baseDirectory)),
    root: memoryTree(files),
    baseDirectory,
    source,
    profiles: {
      health: profiles.health ?? given?.health,
      runtime: { ...given?.runtime, ...profiles.runtime },
      network: { ...given?.network, ...profiles.network },
      access: { ...given?.access, ...profiles.access },
      environment: { ...given?.environment, ...profiles.environment },
      volumes: profiles.volumes ?? given?.volumes ?? [],
      binds: profiles.binds ?? given?.binds ?? [],
    },
    target: null,
    signal: new AbortController().signal,
  }
}

export async function outcomeOf(planner: Planner, context: PlannerContext): Promise<Outcome> {
  const claim = await planner.detect(context)
  return claim === null ? { claim } : { claim, result: await planner.plan(context, claim) }
}

/** The plan of a source that must be claimed and not be blocked. */
export async function planned(planner: Planner, sample: PlannerSample): Promise<{ claim: Claim; draft: PlanDraft }> {
  const outcome = await outcomeOf(planner, contextOf(sample))
  assert.ok(outcome.claim !== null, `${sample.name}: must be claimed`)
  if (isBlocked(outcome.result)) assert.fail(`${sample.name}: is blocked: ${outcome.result.blocked[0].message}`)
  return { claim: outcome.claim, draft: outcome.result }
}

export function reasonsOf(outcome: Outcome): Reason[] {
  if (outcome.claim === null) return []
  const { result } = outcome
  return isBlocked(result) ? [...result.blocked, ...(result.draft?.warnings ?? [])] : result.warnings
}

/** All the evidence that an outcome shows. */
export function evidenceOf(outcome: Outcome): Evidence[] {
  if (outcome.claim === null) return []
  const { claim, result } = outcome
  const draft = isBlocked(result) ? result.draft?.evidence : result.evidence
  return [...claim.evidence, ...(draft ?? []), ...reasonsOf(outcome).flatMap((reason) => reason.evidence)]
}

/** Fails for what would not come back from JSON as it was. Fields that are undefined count as absent. */
export function assertJson(value: unknown, at: string): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (Array.isArray(value)) {
    for (const [i, one] of value.entries()) assertJson(one, `${at}.${i}`)
    return
  }
  assert.equal(typeof value, 'object', `${at}: a ${typeof value} is not JSON`)
  assert.equal(Object.getPrototypeOf(value), Object.prototype, `${at}: an object of a class is not JSON`)
  for (const [key, one] of Object.entries(value as object)) if (one !== undefined) assertJson(one, `${at}.${key}`)
}
