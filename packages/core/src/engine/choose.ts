import type { ArtifactKind } from '../spec/artifact.js'
import type { Basis, Candidate } from '../spec/plan.js'
import type { Claim, Planner } from '../spec/planner.js'
import { type Reason, reason } from '../spec/reasons.js'

/** What a planner claims. */
export interface Found {
  planner: Planner
  claim: Claim
}

const rank: Record<Basis, number> = { explicit: 0, dockerfile: 1, framework: 2, generic: 3, compose: 4 }

/** The lower wins. */
export const rankOf = ({ planner, claim }: Found, named: string | undefined, sourceKind: string): number =>
  planner.key === named || (claim.basis === 'compose' && sourceKind === 'compose-file') ? 0 : rank[claim.basis]

const elsewhere = ({ claim }: Found) => ({ action: `Deploy to a target that runs ${claim.artifactKind}.` })

/** An explicit claim that the target cannot run: other claims that it can are what may be asked for instead. */
function unsupported(
  message: string,
  one: Found,
  found: readonly Found[],
  { artifactKinds }: { artifactKinds: readonly ArtifactKind[] },
): Reason {
  const others = found.filter((other) => other !== one && artifactKinds.includes(other.claim.artifactKind))
  return reason('unsupported-runtime-target', {
    message,
    evidence: one.claim.evidence.slice(0, 5),
    fixPath: [elsewhere(one)],
    overridePath: others.map(({ planner }) => ({
      action: 'Set runtime.planner to one whose artifact it runs.',
      profileField: 'runtime.planner',
      example: planner.key,
    })),
  })
}

export interface Choice {
  winner: Found | null
  candidates: Candidate[]
  warnings: Reason[]
  reasons: Reason[]
}

/** Ranks claims by basis. A tie is `ambiguous-planner`, not luck; losing evidence stays visible. */
export function choose(
  found: readonly Found[],
  named: string | undefined,
  target: { key: string; artifactKinds: readonly ArtifactKind[] } | null,
  sourceKind: string,
): Choice {
  const warnings: Reason[] = []
  const reasons: Reason[] = []
  const lost = new Map<Found, string>()
  const setAside: { one: Found; message: string }[] = []
  let open = [...found]
  const drop = (one: Found, why: string) => {
    lost.set(one, why)
    open = open.filter((other) => other !== one)
  }
  if (named !== undefined)
    for (const one of found) if (one.planner.key !== named) drop(one, `runtime.planner names ${named}`)
  for (const one of [...open]) {
    if (target === null || target.artifactKinds.includes(one.claim.artifactKind)) continue
    const message = `The target ${target.key} cannot run ${one.claim.artifactKind} (planner ${one.planner.key}).`
    if (one.planner.key === named || one.claim.basis === 'explicit')
      reasons.push(unsupported(message, one, found, target))
    else setAside.push({ one, message })
    drop(one, message)
  }
  if (reasons.length === 0 && open.length === 0 && found.length > 0) {
    if (named !== undefined)
      reasons.push(
        reason('unsupported-runtime-family', {
          message: `The planner ${named} does not claim this source.`,
          overridePath: [
            ...found.map(({ planner }) => ({
              action: 'Set runtime.planner to one that claims it.',
              profileField: 'runtime.planner',
              example: planner.key,
            })),
            { action: 'Remove runtime.planner: the strongest claim wins.', profileField: 'runtime.planner' },
          ],
          affectedProfileField: 'runtime.planner',
        }),
      )
    else
      reasons.push(
        reason('unsupported-runtime-target', {
          message: `The target cannot run what was found: ${found.map((one) => one.claim.artifactKind).join(', ')}.`,
          fixPath: [elsewhere(found[0]!)],
        }),
      )
  }
  const bestRank = (one: Found) => rankOf(one, named, sourceKind)
  open.sort((a, b) => bestRank(a) - bestRank(b))
  const [first, second] = open
  let winner: Found | null = reasons.length > 0 ? null : (first ?? null)
  if (winner !== null && second !== undefined && bestRank(second) === bestRank(winner)) {
    const tied = open.filter((one) => bestRank(one) === bestRank(winner!))
    reasons.push(
      reason('ambiguous-planner', {
        message: `These planners claim the source on the same basis: ${tied.map((one) => one.planner.key).join(', ')}.`,
        overridePath: tied.map((one) => ({
          action: 'Set runtime.planner.',
          profileField: 'runtime.planner',
          example: one.planner.key,
        })),
      }),
    )
    winner = null
  }
  for (const { one, message } of setAside) {
    const keys = winner === null ? [] : [winner.planner.key]
    warnings.push(
      reason('planner-not-for-target', {
        message,
        evidence: one.claim.evidence.slice(0, 5),
        fixPath: [elsewhere(one)],
        overridePath: keys.map((example) => ({
          action: 'Set runtime.planner: then this is what was meant.',
          profileField: 'runtime.planner',
          example,
        })),
      }),
    )
  }
  const candidates = found.map((one): Candidate => {
    const { basis, supportTier, evidence } = one.claim
    const why =
      one === winner
        ? undefined
        : (lost.get(one) ??
          (winner ? `${winner.planner.key} rests on ${winner.claim.basis}, which outranks ${basis}` : 'no planner won'))
    return {
      planner: one.planner.key,
      basis,
      supportTier,
      reason: one.claim.reason,
      evidence,
      ...(why === undefined ? {} : { lostBecause: why }),
    }
  })
  return { winner, candidates, warnings, reasons }
}
