import { subTree } from '../sources/index.js'
import type { Claim, Planner, PlannerContext } from '../spec/planner.js'
import { type Reason, reason } from '../spec/reasons.js'
import type { SourceTree } from '../spec/source.js'
import { rankOf } from './choose.js'

export interface Found {
  planner: Planner
  claim: Claim
}

export interface Detected {
  baseDirectory: string
  found: Found[]
  reasons: Reason[]
}

export type ContextAt = (baseDirectory: string, tree: SourceTree) => PlannerContext

const depthLimit = 4
const directoryLimit = 256
/** Version control, dependencies, outputs, and what tests and tools keep: no application begins there. */
const passedOver =
  /^(?:\..*|node_modules|bower_components|vendor|dist|build|out|target|coverage|_site|__pycache__|venv)$/
const weak = (claim: Claim) => claim.supportTier === 'requires-override' || claim.supportTier === 'unsupported'

/**
 * Does the search end here? Only where the claims that would win are not weak: a claim that is outranked, or set aside because the target cannot run
 * what it becomes, says nothing about what lies below.
 */
function decides(found: readonly Found[], { profiles, source, target }: PlannerContext): boolean {
  const rank = (one: Found) => rankOf(one, profiles.runtime.planner, source.kind)
  const open = found.filter(
    (one) => target === null || rank(one) === 0 || target.artifactKinds.includes(one.claim.artifactKind),
  )
  const best = Math.min(...open.map(rank))
  return open.some((one) => rank(one) === best && !weak(one.claim))
}

/** Names what else claims the source: that is what can be used meanwhile. */
export function plannerFailed(key: string, message: string, found: readonly Found[]): Reason {
  const others = found.filter(({ planner }) => planner.key !== key)
  return reason('planner-failed', {
    message,
    fixPath: [{ action: `Report it to the author of the planner ${key}, or take the planner out.` }],
    overridePath: others.map(({ planner }) => ({
      action: 'Set runtime.planner to another one that claims the source.',
      profileField: 'runtime.planner',
      example: planner.key,
    })),
  })
}

async function ask(
  planners: readonly Planner[],
  context: PlannerContext,
): Promise<{ found: Found[]; reasons: Reason[] }> {
  const found: Found[] = []
  const failed: { planner: Planner; message: string }[] = []
  const named = context.profiles.runtime.planner
  for (const planner of planners) {
    try {
      const claim = await planner.detect(context)
      if (claim !== null) found.push({ planner, claim })
    } catch (error) {
      context.signal.throwIfAborted()
      // Where another one is named, this one has no say.
      if (named !== undefined && named !== planner.key) continue
      failed.push({ planner, message: error instanceof Error ? error.message : String(error) })
    }
  }
  const reasons = failed.map(({ planner, message }) =>
    plannerFailed(planner.key, `The planner ${planner.key} threw in detect: ${message}`, found),
  )
  return { found, reasons }
}

/** The claims for a named base directory, or for the one directory that can be deployed: breadth first, bounded. */
export async function detectClaims(
  planners: readonly Planner[],
  root: SourceTree,
  explicit: string | undefined,
  contextAt: ContextAt,
): Promise<Detected> {
  if (explicit !== undefined) {
    const answer = await ask(planners, contextAt(explicit, subTree(root, explicit)))
    return { baseDirectory: explicit, ...answer }
  }
  let level = ['.']
  let visited = 0
  let fallback: Detected | undefined
  for (let depth = 0; depth <= depthLimit && level.length > 0; depth++) {
    const strong: Detected[] = []
    const next: string[] = []
    for (const directory of level) {
      if (++visited > directoryLimit) break
      const tree = directory === '.' ? root : subTree(root, directory)
      const context = contextAt(directory, tree)
      const { found, reasons } = await ask(planners, context)
      const answer = { baseDirectory: directory, found, reasons }
      if (decides(found, context) || (depth === 0 && reasons.length > 0)) strong.push(answer)
      else if (found.length > 0) fallback ??= answer
      for (const entry of await tree.list()) {
        if (entry.type !== 'directory' || passedOver.test(entry.name)) continue
        next.push(directory === '.' ? entry.name : `${directory}/${entry.name}`)
      }
    }
    if (strong.length === 1) return strong[0]!
    if (strong.length > 1) {
      const candidates = strong.map((one) => one.baseDirectory)
      return {
        baseDirectory: '.',
        found: [],
        reasons: [
          reason('ambiguous-framework-evidence', {
            message: `Several directories can be deployed: ${candidates.join(', ')}.`,
            evidence: strong.flatMap((one) =>
              one.found.map(({ claim, planner }) => ({
                kind: 'candidate',
                file: one.baseDirectory,
                signal: planner.key,
                value: claim.reason,
              })),
            ),
            fixPath: [
              { action: 'Keep one application in the source, or deploy each with a base directory of its own.' },
            ],
            overridePath: candidates.map((example) => ({
              action: 'Set source.baseDirectory.',
              profileField: 'source.baseDirectory',
              example,
            })),
          }),
        ],
      }
    }
    level = next
  }
  return fallback ?? { baseDirectory: '.', found: [], reasons: [] }
}
