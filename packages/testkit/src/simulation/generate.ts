import { releaseKinds } from './behaviour.js'
import { Random } from './random.js'
import { type Move, moments, type ResourceSetup, type Setup, type Verb } from './script.js'

const weights: readonly (readonly [weight: number, verb: Verb])[] = [
  [40, 'create'],
  [12, 'redeploy'],
  [8, 'retry'],
  [10, 'rollback'],
  [8, 'cancel'],
  [3, 'remove'],
  [3, 'define'],
  [2, 'plan'],
  [2, 'recovery'],
  [1, 'diagnostics'],
  [3, 'look'],
  [5, 'reconcile'],
  [3, 'prune'],
  [6, 'follow'],
  [1, 'close'],
]

const waits = [0, 0, 1, 5, 20, 60, 150, 400, 1500, 16_000]

/** So far that an answer is worth asking for ahead. */
const farMs = 40

function resource(random: Random, index: number): ResourceSetup {
  const exposure = random.weighted([
    [8, 'proxy'],
    [1, 'direct-port'],
    [1, 'none'],
  ] as const)
  return {
    exposure,
    hostname: exposure === 'proxy' && random.chance(0.3) ? `r${index}.example.com` : null,
    overlap: exposure === 'direct-port' ? false : random.chance(0.85),
    health: random.weighted([
      [8, 'http'],
      [1, 'tcp'],
      [1, 'off'],
    ] as const),
    drainSeconds: random.pick([0, 1, 5]),
    secret: random.chance(0.2),
    command: random.weighted([
      [8, 'none'],
      [2, 'good'],
      [0.3, 'bad'],
    ] as const),
  }
}

function move(random: Random, engines: number, resources: number, first: boolean): Move {
  const verb = random.weighted(weights)
  if (first)
    return {
      verb: 'create',
      engine: random.whole(0, engines - 1),
      resource: random.whole(0, resources - 1),
      wait: random.pick([0, 5]),
      untilDone: random.chance(0.85),
      release: random.chance(0.85) ? 'healthy' : random.weighted(releaseKinds),
    }
  const one: Move = {
    verb,
    engine: random.whole(0, engines - 1),
    resource: random.whole(0, resources - 1),
    wait: random.pick(waits),
  }
  if (random.chance(verb === 'cancel' ? 0.7 : 0.25)) one.when = random.pick(moments)
  const begins = verb === 'create' || verb === 'redeploy' || verb === 'retry' || verb === 'rollback'
  if (begins && random.chance(0.6)) one.untilDone = true
  if (verb === 'create' || verb === 'define' || verb === 'plan') one.release = random.weighted(releaseKinds)
  if (verb === 'create' && random.chance(0.1)) one.fingerprint = random.pick(['present', 'present', 'stale'])
  if (verb === 'create' && random.chance(0.1)) one.key = random.pick(['a', 'b'])
  if ((verb === 'create' || verb === 'redeploy') && random.chance(0.1)) one.force = true
  if (begins && random.chance(0.1)) one.stateVersion = random.pick(['present', 'stale'])
  if (begins && random.chance(0.06)) one.abort = random.pick([0, 5, 100, 1000])
  if (verb === 'close' && random.chance(0.5)) one.abort = 0
  if (verb === 'rollback' && random.chance(0.4)) one.to = true
  if (['retry', 'cancel', 'recovery', 'follow', 'diagnostics', 'look'].includes(verb))
    one.back = random.weighted([
      [6, 0],
      [2, 1],
      [1, 2],
    ])
  if (verb === 'prune') {
    one.keep = random.whole(1, 2)
    one.history = random.whole(0, 2)
  }
  return one
}

/** A world and what its users do, out of a seed. */
export function generate(
  seed: number,
  limits: { engines: number; stores?: number; records?: boolean; far?: boolean },
): Setup {
  const random = new Random(`setup ${seed}`)
  const { stores = 1 } = limits
  const engines = Math.max(stores, random.whole(1, limits.engines))
  const resources = random.chance(0.25) ? 2 : 1
  const users = random.weighted([
    [5, 1],
    [4, 2],
    [1, 3],
  ])
  return {
    engines,
    ...(stores > 1 ? { stores } : {}),
    ...(limits.records ? { records: true } : {}),
    ...(limits.far ? { far: farMs } : {}),
    deaths: random.pick(['proven', 'unknown']),
    concurrency: random.weighted([
      [5, 'supersede'],
      [2, 'wait'],
      [1, 'reject'],
    ] as const),
    identity: random.chance(0.8) ? 'always' : 'verified',
    network: random.pick(['own', 'shared']),
    retention: random.whole(1, 3),
    // What another store's release listens on, nobody here can stop.
    resources: Array.from({ length: resources }, (_, i) => {
      const one = resource(random, i)
      return stores > 1 && one.exposure === 'direct-port' ? { ...one, exposure: 'proxy' as const } : one
    }),
    users: Array.from({ length: users }, (_, at) =>
      Array.from({ length: random.whole(1, 4) }, (_, i) => move(random, engines, resources, at === 0 && i === 0)),
    ),
    ending: random.pick(['stay', 'close', 'kill']),
  }
}
