/** How a simulated release behaves. Written as the name of its image, `sim/slow-300:7`, so that a plan says it. */
export interface Behaviour {
  /** Milliseconds until it listens; null: never. */
  listensAfter: number | null
  /** On another port than it was given. */
  elsewhere: boolean
  /** Milliseconds until it ends by itself; null: it goes on. */
  endsAfter: number | null
  /** The status of its answers, and of those that it gives while it takes user traffic. */
  status: number
  liveStatus: number
  /** Milliseconds until each answer. */
  answersAfter: number
  /** Ends at once when it is started again. */
  returns: boolean
  /** Where the build, or the start, fails. */
  fails: 'build' | 'start' | null
  /** Milliseconds that the build takes. */
  buildsFor: number
  /** The planner blocks, or throws. */
  plan: 'blocked' | 'throws' | null
  /** It works from its second start on. */
  flaky: boolean
}

const plain: Behaviour = {
  listensAfter: 0,
  elsewhere: false,
  endsAfter: null,
  status: 200,
  liveStatus: 200,
  answersAfter: 0,
  returns: true,
  fails: null,
  buildsFor: 0,
  plan: null,
  flaky: false,
}

const kinds: Record<string, (ms: number) => Partial<Behaviour>> = {
  healthy: () => ({}),
  slow: (ms) => ({ listensAfter: ms }),
  late: (ms) => ({ answersAfter: ms }),
  sick: () => ({ status: 500 }),
  mute: () => ({ listensAfter: null }),
  elsewhere: () => ({ elsewhere: true }),
  exits: (ms) => ({ endsAfter: ms }),
  dies: (ms) => ({ endsAfter: ms }),
  once: () => ({ returns: false }),
  livesick: () => ({ liveStatus: 500 }),
  flaky: () => ({ flaky: true }),
  toils: (ms) => ({ buildsFor: ms }),
  unbuildable: () => ({ fails: 'build' }),
  unstartable: () => ({ fails: 'start' }),
  blocked: () => ({ plan: 'blocked' }),
  throws: () => ({ plan: 'throws' }),
}

/** What releases do, and how often each is chosen. */
export const releaseKinds: readonly (readonly [weight: number, kind: string])[] = [
  [40, 'healthy'],
  [6, 'slow-40'],
  [4, 'slow-400'],
  [2, 'late-30'],
  [6, 'sick'],
  [3, 'mute'],
  [3, 'elsewhere'],
  [4, 'exits-20'],
  [4, 'dies-3000'],
  [4, 'once'],
  [5, 'livesick'],
  [4, 'flaky'],
  [3, 'toils-2000'],
  [6, 'toils-40000'],
  [2, 'unbuildable'],
  [2, 'unstartable'],
  [3, 'blocked'],
  [1, 'throws'],
]

export const imageOf = (kind: string, version: number): string => `sim/${kind}:${version}`

export function behaviourOf(image: string): Behaviour {
  const [, kind = 'healthy', ms = '0'] = /^sim\/([a-z]+)(?:-(\d+))?:/.exec(image) ?? []
  return { ...plain, ...kinds[kind]?.(Number(ms)) }
}
