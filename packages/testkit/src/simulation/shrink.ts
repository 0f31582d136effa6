import type { InvariantId } from './invariants/words.js'
import { type Outcome, run } from './run.js'
import type { Deviation, Move, ResourceSetup, Script, Setup } from './script.js'
import type { Subject } from './simulation.js'

type Deviations = Record<string, Deviation>
type Failing = Script & { deviations: Deviations }

/** What is tried in place of what is there: the plainest world in which it still happens is the one to read. */
const plainSetup: Partial<Setup> = {
  deaths: 'proven',
  concurrency: 'supersede',
  identity: 'always',
  network: 'own',
  retention: 3,
  ending: 'kill',
}
const plainResource: Partial<ResourceSetup> = {
  hostname: null,
  overlap: true,
  health: 'http',
  secret: false,
  command: 'none',
  drainSeconds: 0,
}

/** Looks for the shortest run that violates the same invariant: fewer users, moves, engines, faults and delays. */
export async function shrink(
  subject: Subject,
  failing: Failing,
  invariant: InvariantId,
  mostRuns: number,
): Promise<{ script: Failing; runs: number }> {
  let best = failing
  let runs = 0
  const fails = async (script: Script): Promise<Outcome | null> => {
    if (runs >= mostRuns) return null
    runs++
    const outcome = await run(subject, script, { record: true })
    return outcome.violation?.invariant === invariant ? outcome : null
  }
  /** With the same faults, or, where they fall elsewhere by now, with others. */
  const trySetup = async (setup: Setup): Promise<boolean> => {
    if (await fails({ ...best, setup })) {
      best = { ...best, setup }
      return true
    }
    for (let i = 0; i < 12; i++) {
      const seed = best.seed + 1_000_003 * (i + 1)
      const outcome = await fails({ setup, seed })
      if (outcome === null) continue
      best = { setup, seed, deviations: outcome.deviations }
      return true
    }
    return false
  }

  let progress = true
  while (progress && runs < mostRuns) {
    progress = false
    for (const next of smallerSetups(best.setup)) {
      if (!(await trySetup(next))) continue
      progress = true
      break
    }
  }
  for (let size = Math.ceil(keysOf(best).length / 2); size >= 1 && runs < mostRuns; size = size > 1 ? size >> 1 : 0) {
    for (let at = 0; at < keysOf(best).length && runs < mostRuns; ) {
      const gone = new Set(keysOf(best).slice(at, at + size))
      const deviations = Object.fromEntries(Object.entries(best.deviations).filter(([key]) => !gone.has(key)))
      if (await fails({ ...best, deviations })) best = { ...best, deviations }
      else at += size
    }
  }
  return { script: await plainDelays(best, fails), runs }
}

const keysOf = (script: Failing): string[] => Object.keys(script.deviations)

/** Faults without the delays around them. */
async function plainDelays(script: Failing, fails: (script: Script) => Promise<unknown>): Promise<Failing> {
  let best = script
  for (const [key, { before, after, ...rest }] of Object.entries(script.deviations)) {
    if (rest.fault === undefined || (before === undefined && after === undefined)) continue
    const next = { ...best, deviations: { ...best.deviations, [key]: rest } }
    if (await fails(next)) best = next
  }
  return best
}

/** One thing less, or one thing plainer, each. */
function* smallerSetups(setup: Setup): Generator<Setup> {
  const { users, engines, resources } = setup
  if (users.length > 1) for (const i of users.keys()) yield { ...setup, users: users.filter((_, at) => at !== i) }
  for (const [i, moves] of users.entries())
    for (const j of moves.keys()) if (moves.length > 1) yield { ...setup, users: users.with(i, moves.toSpliced(j, 1)) }
  if (engines > 1) yield { ...setup, engines: engines - 1, users: users.map((moves) => moves.map(onOneLess(engines))) }
  if (resources.length > 1)
    for (const i of resources.keys())
      yield {
        ...setup,
        resources: resources.filter((_, at) => at !== i),
        users: users.map((moves) => moves.map((move) => ({ ...move, resource: 0 }))),
      }
  for (const [key, value] of Object.entries(plainSetup))
    if (setup[key as keyof Setup] !== value) yield { ...setup, [key]: value }
  for (const [i, resource] of resources.entries())
    for (const [key, value] of Object.entries(plainResource))
      if (resource[key as keyof ResourceSetup] !== value && !(key === 'overlap' && resource.exposure === 'direct-port'))
        yield { ...setup, resources: resources.with(i, { ...resource, [key]: value }) }
  for (const [i, moves] of users.entries())
    for (const [j, move] of moves.entries())
      for (const plainer of plainerMoves(move)) yield { ...setup, users: users.with(i, moves.with(j, plainer)) }
}

const onOneLess = (engines: number) => (move: Move) => ({ ...move, engine: move.engine % (engines - 1) })

function* plainerMoves(move: Move): Generator<Move> {
  const { verb, engine, resource, wait, untilDone, release, ...options } = move
  const base = { verb, engine, resource, wait, ...(untilDone ? { untilDone } : {}) }
  const kept = release === undefined ? {} : { release }
  if (Object.keys(options).length > 0) yield { ...base, ...kept }
  if (wait > 0) yield { ...move, wait: 0 }
  if (release !== undefined && release !== 'healthy') yield { ...move, release: 'healthy' }
}
