import type { InvariantId } from './invariants/words.js'
import { run } from './run.js'
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

/** Looks for the shortest run that violates the same invariant: fewer users, moves, engines, faults and delays, in a plainer world. */
export async function shrink(
  subject: Subject,
  failing: Failing,
  invariant: InvariantId,
  mostRuns: number,
): Promise<{ script: Failing; runs: number }> {
  let best = failing
  let runs = 0
  /** Takes a script where it fails in the same way. */
  const take = async (script: Script): Promise<boolean> => {
    if (runs >= mostRuns) return false
    runs++
    const { violation, deviations } = await run(subject, script, { record: true })
    if (violation?.invariant !== invariant) return false
    best = { ...script, deviations: script.deviations ?? deviations }
    return true
  }
  const without = (gone: ReadonlySet<string>): Failing => ({
    ...best,
    deviations: Object.fromEntries(Object.entries(best.deviations).filter(([key]) => !gone.has(key))),
  })
  const delays = () => Object.keys(best.deviations).filter((key) => best.deviations[key]?.fault === undefined)

  /** The same faults, or, where they fall elsewhere by now, others. */
  const smaller = async (): Promise<boolean> => {
    for (const setup of smallerSetups(best.setup)) {
      if (await take({ ...best, setup })) return true
      for (let i = 1; i <= 6; i++) if (await take({ setup, seed: best.seed + 1_000_003 * i })) return true
    }
    return false
  }
  await take(without(new Set(delays())))
  while (await smaller()) await take(without(new Set(delays())))
  for (let size = Math.ceil(keysOf(best).length / 2); size >= 1; size = size > 1 ? size >> 1 : 0)
    for (let at = 0; at < keysOf(best).length && runs < mostRuns; )
      if (!(await take(without(new Set(keysOf(best).slice(at, at + size)))))) at += size
  for (let plainer = true; plainer; ) {
    plainer = false
    for (const setup of plainerSetups(best.setup)) {
      plainer = await take({ ...best, setup })
      if (plainer) break
    }
  }
  for (const [key, { before, after, ...rest }] of Object.entries(best.deviations))
    if (rest.fault !== undefined && (before !== undefined || after !== undefined))
      await take({ ...best, deviations: { ...best.deviations, [key]: rest } })
  return { script: best, runs }
}

const keysOf = (script: Failing): string[] => Object.keys(script.deviations)

/** One user, move, engine or resource less, each. */
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
}

/** One thing plainer, each. */
function* plainerSetups(setup: Setup): Generator<Setup> {
  const { users, resources } = setup
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
