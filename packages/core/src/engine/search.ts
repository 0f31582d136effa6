import { subTree } from '../sources/index.js'
import type { Claim, Planner, PlannerContext } from '../spec/planner.js'
import { type Reason, reason } from '../spec/reasons.js'
import type { SourceTree } from '../spec/source.js'
import { type Found, rankOf } from './choose.js'

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
/** What lies below is there for the application, and is not it: it counts only where nothing else does, and is never taken by itself. */
const aside =
  /(?:^|\/)(?:tests?|__tests__|e2e|fixtures|__fixtures__|cypress|playwright)(?:\/|$)|^(?:examples?|samples?|playgrounds?|benchmarks?)(?:\/|$)/i
/** … and what is a site of its own as often as not: alone it is not taken either. */
const beside = /^docs?(?:\/|$)/i
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
  const strong: Detected[] = []
  for (let depth = 0; depth <= depthLimit && level.length > 0; depth++) {
    const next: string[] = []
    const above = strong.length
    for (const directory of level) {
      if (++visited > directoryLimit) break
      const tree = directory === '.' ? root : subTree(root, directory)
      const context = contextAt(directory, tree)
      const { found, reasons } = await ask(planners, context)
      const answer = { baseDirectory: directory, found, reasons }
      if (decides(found, context) || (depth === 0 && reasons.length > 0)) {
        // A page somewhere below, or a mere package.json, is no rival of an application further up.
        if (above === 0 || found.some(isApplication)) strong.push(answer)
        // What is inside an application belongs to it.
        continue
      }
      if (found.length > 0) fallback ??= answer
      for (const entry of await tree.list()) {
        if (entry.type !== 'directory' || passedOver.test(entry.name)) continue
        next.push(directory === '.' ? entry.name : `${directory}/${entry.name}`)
      }
    }
    // The source itself: nothing below it is looked at.
    if (strong.length > 0 && depth === 0) return strong[0]!
    level = next
  }
  const main = strong.filter((one) => !aside.test(one.baseDirectory))
  if (main.length === 1 && !beside.test(main[0]!.baseDirectory)) return main[0]!
  const candidates = main.length > 0 ? main : strong
  if (candidates.length > 0) return ambiguous(candidates)
  return fallback ?? { baseDirectory: '.', found: [], reasons: [] }
}

/** Is it one by what it holds? A start command of the profile makes one of every package.json. */
const isApplication = ({ claim }: Found): boolean =>
  claim.supportTier !== 'explicit-custom' && (claim.artifactKind !== 'static-site' || claim.basis === 'framework')

/** Several directories that can be deployed, or one that by its name is only a part of what is. */
function ambiguous(answers: readonly Detected[]): Detected {
  const candidates = answers.map((one) => one.baseDirectory)
  const [only] = candidates
  return {
    baseDirectory: '.',
    found: [],
    reasons: [
      reason('ambiguous-framework-evidence', {
        message:
          candidates.length > 1
            ? `Several directories can be deployed: ${candidates.join(', ')}.`
            : `Nothing can be deployed but ${only}, which by its name is not the application.`,
        evidence: answers.flatMap((one) =>
          one.found.map(({ claim, planner }) => ({
            kind: 'candidate',
            file: one.baseDirectory,
            signal: planner.key,
            value: claim.reason,
          })),
        ),
        fixPath: [{ action: 'Keep one application in the source, or deploy each with a base directory of its own.' }],
        overridePath: candidates.map((example) => ({
          action: 'Set source.baseDirectory.',
          profileField: 'source.baseDirectory',
          example,
        })),
      }),
    ],
  }
}
