import { createHash } from 'node:crypto'
import { canonicalJson } from '../spec/json.js'
import { type Plan, type Preview, previewSchemaVersion } from '../spec/plan.js'
import { isBlocked, type PlanDraft } from '../spec/planner.js'
import { type Reason, reason } from '../spec/reasons.js'
import type { Target } from '../spec/target.js'
import { assemble } from './assemble.js'
import { choose } from './choose.js'
import type { DetectResult, PlanInput } from './detecting.js'
import type { Runtime } from './runtime.js'
import { plannerFailed } from './search.js'

export interface Planned {
  preview: Preview
  /** Null where the preview is blocked. */
  plan: Plan | null
}

/** Chooses the planner, lets it plan, and writes the preview. Touches neither store nor target but for reads and `describe`. */
export async function planDetected(runtime: Runtime, input: PlanInput, found: DetectResult): Promise<Planned> {
  const { definition, target } = input
  const reasons = [...found.reasons]
  const warnings: Reason[] = []
  let draft: Partial<PlanDraft> = {}
  let plan: Plan | null = null
  const named = definition.runtime?.planner
  const choice = choose(
    found.detected?.found ?? [],
    named,
    target && { key: target.key, artifactKinds: target.capabilities.artifactKinds },
    definition.source.kind,
  )
  warnings.push(...choice.warnings)
  reasons.push(...choice.reasons)
  const { winner } = choice
  if (named !== undefined && !runtime.planners.some((one) => one.key === named)) {
    reasons.push(
      reason('unsupported-runtime-family', {
        message: `There is no planner ${named}; there are: ${runtime.planners.map(({ key }) => key).join(', ')}.`,
        fixPath: [{ action: `Add the planner ${named} to the composition.` }],
        overridePath: [
          ...(found.detected?.found ?? []).map(({ planner }) => ({
            action: 'Set runtime.planner to one that claims the source.',
            profileField: 'runtime.planner',
            example: planner.key,
          })),
          { action: 'Remove runtime.planner: the strongest claim wins.', profileField: 'runtime.planner' },
        ],
        affectedProfileField: 'runtime.planner',
      }),
    )
  } else if (winner === null && reasons.length === 0) {
    const empty = {
      message: 'The source holds no files.',
      fixPath: [{ action: 'Name the folder of the application.' }],
      overridePath: [],
    }
    const unknown = {
      message: 'No planner recognises this source.',
      fixPath: [{ action: 'Add a Dockerfile, for a target that runs containers.', example: 'Dockerfile' }],
      overridePath: [
        {
          action: 'Set how the application starts; the machine must have what that needs.',
          profileField: 'runtime.startCommand',
          example: 'python app.py --port $PORT',
        },
        {
          action: 'Or set the directory of files to serve.',
          profileField: 'runtime.publishDirectory',
          example: '.',
        },
      ],
    }
    reasons.push(reason('unsupported-runtime-family', found.identity?.files === 0 ? empty : unknown))
  }
  if (winner !== null && reasons.length === 0 && found.contextAt !== null && found.identity !== null) {
    try {
      const result = await winner.planner.plan(found.contextAt(found.identity.baseDirectory), winner.claim)
      if (isBlocked(result)) {
        reasons.push(...result.blocked)
        draft = result.draft ?? {}
      } else {
        draft = result
        const planner = { key: winner.planner.key, supportTier: winner.claim.supportTier, reason: winner.claim.reason }
        const assembled = assemble({ definition, draft: result, planner, source: found.identity, target })
        warnings.push(...assembled.warnings)
        reasons.push(...assembled.reasons)
        plan = assembled.plan
      }
    } catch (error) {
      input.signal.throwIfAborted()
      const { key } = winner.planner
      const message = error instanceof Error ? error.message : String(error)
      reasons.push(plannerFailed(key, `The planner ${key} threw: ${message}`, found.detected?.found ?? []))
    }
  }
  let described: ReturnType<Target['describe']> = {
    steps: [],
    generatedFiles: [],
    warnings: [],
    unsupportedReasons: [],
  }
  if (plan !== null && target !== null && reasons.length === 0) {
    const live = (await runtime.store.getResource(definition.id))?.live[target.key]
    const previous = live === undefined ? null : await runtime.store.getRelease(live.releaseId)
    described = target.describe(plan, previous ?? undefined)
    warnings.push(...described.warnings)
    reasons.push(...described.unsupportedReasons, ...(await routeConflicts(runtime, plan)))
  }
  const blocked = reasons.length > 0
  if (!blocked) warnings.splice(0, warnings.length, ...unique(warnings))
  else warnings.splice(0, warnings.length, ...unique([...warnings, ...(draft.warnings ?? [])]))
  const decisive = blocked
    ? { definition: { ...definition }, identity: found.identity, reasons: reasons.map((one) => one.code) }
    : { plan, generatedFiles: described.generatedFiles }
  const preview: Preview = {
    schemaVersion: previewSchemaVersion,
    fingerprint: createHash('sha256').update(canonicalJson(decisive)).digest('hex'),
    readiness: { status: blocked ? 'blocked' : warnings.length > 0 ? 'warning' : 'ready' },
    source: found.identity,
    evidence: draft.evidence ?? winner?.claim.evidence ?? [],
    ...(draft.framework === undefined ? {} : { framework: draft.framework }),
    ...(draft.runtime === undefined ? {} : { runtime: draft.runtime }),
    planner:
      winner === null
        ? null
        : { key: winner.planner.key, supportTier: winner.claim.supportTier, reason: winner.claim.reason },
    candidates: choice.candidates,
    artifact: draft.artifact ?? null,
    generatedFiles: described.generatedFiles,
    commands: plan?.commands ?? draft.commands ?? {},
    network: plan?.network ?? null,
    health: plan?.health ?? null,
    access: plan?.access ?? null,
    steps: described.steps,
    warnings,
    unsupportedReasons: reasons,
    generatedAt: runtime.now(),
  }
  return { preview, plan: blocked ? null : plan }
}

const unique = (reasons: Reason[]): Reason[] => [
  ...new Map(reasons.map((one) => [`${one.code}\n${one.message}`, one])).values(),
]

/** Hostnames and paths that another resource's live release on the same target owns. */
async function routeConflicts(runtime: Runtime, plan: Plan): Promise<Reason[]> {
  if (plan.network.exposure !== 'proxy' || plan.access.hostnames.length === 0 || plan.target === null) return []
  const reasons: Reason[] = []
  for (const other of await runtime.store.listResources()) {
    const live = other.live[plan.target]
    if (other.id === plan.resourceId || live === undefined) continue
    const access = (await runtime.store.getRelease(live.releaseId))?.plan.access
    const shared =
      access?.pathPrefix === plan.access.pathPrefix
        ? plan.access.hostnames.filter((one) => access.hostnames.includes(one))
        : []
    for (const hostname of shared) {
      reasons.push(
        reason('route-conflict', {
          message: `${hostname}${plan.access.pathPrefix} belongs to the live release of ${other.id}.`,
          evidence: [{ kind: 'resource', signal: hostname, value: other.id }],
          fixPath: [{ action: `Remove ${other.id}, or deploy it under another hostname.` }],
          overridePath: [
            { action: 'Set other hostnames.', profileField: 'access.hostnames', example: `new.${hostname}` },
            {
              action: 'Or serve it below a path of its own.',
              profileField: 'access.pathPrefix',
              example: `/${plan.resourceId.replace(/^res_/, '')}`,
            },
          ],
        }),
      )
    }
  }
  return reasons
}
