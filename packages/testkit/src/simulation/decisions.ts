import { Random } from './random.js'
import type { Deviation, Fault, Script } from './script.js'

export type Port = 'store' | 'target' | 'proxy' | 'prober' | 'secrets' | 'clock'

/** What goes wrong in one run, and how often: drawn once a run, so that runs differ in kind and not only in detail. */
function climate(random: Random) {
  const rate = (...rates: number[]) => random.pick(rates)
  return {
    /** Milliseconds up to which a call may take. */
    spread: random.pick([0, 0, 1, 5, 50]),
    stalls: rate(0, 0, 0.002, 0.01),
    errors: { store: rate(0, 0, 0.005, 0.03), target: rate(0, 0, 0.005, 0.03), prober: rate(0, 0, 0.01) },
    outages: rate(0, 0.3),
    vague: rate(0, 0, 0.02),
    crashes: rate(0, 0, 0.002, 0.006, 0.02),
    pauses: rate(0, 0, 0, 0.002, 0.006),
    /** Faults of each kind that one run has at most. */
    most: { stall: 8, error: 12, crash: random.whole(1, 4), pause: 3 },
  }
}

const stallMs = [300, 2000, 6000, 12_000, 20_000]
const pauseMs = [1000, 5000, 9000, 14_000, 20_000, 40_000]
const restartMs = [0, 10, 200, 3000, 18_000, -1]
const vague: Partial<Record<string, true>> = { inspect: true, reach: true }
const half: Partial<Record<string, true>> = { start: true, remove: true }

/** Decides what happens to each call: by chance out of a seed, or as it is written down. */
export class Decisions {
  /** What was decided, where it differs from the usual. */
  readonly made: Record<string, Deviation> = {}
  readonly #random: Random
  readonly #climate: ReturnType<typeof climate>
  readonly #written: Record<string, Deviation> | undefined
  readonly #outages = new Map<string, number>()
  #calm = false

  constructor(
    script: Script,
    private readonly recording: boolean,
  ) {
    this.#random = new Random(`decisions ${script.seed}`)
    this.#climate = climate(this.#random)
    this.#written = script.deviations
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    this.#calm = true
  }

  of(engine: string, call: number, port: Port, method: string, now: number): Deviation | undefined {
    if (this.#calm) return undefined
    if (this.#written !== undefined) return this.#written[`${engine}#${call}`]
    const deviation = this.#draw(engine, port, method, now)
    if (this.recording && deviation !== undefined) this.made[`${engine}#${call}`] = deviation
    return deviation
  }

  #draw(engine: string, port: Port, method: string, now: number): Deviation | undefined {
    const random = this.#random
    const { spread, most, ...rates } = this.#climate
    const usual = spread === 0 || port === 'clock' ? 0 : Math.round(random.next() * spread * 1000) / 1000
    const common = usual > 0 ? { before: usual } : undefined
    if (port === 'store' && (this.#outages.get(engine) ?? 0) > now) return { ...common, fault: 'lost' }
    const roll = random.next()
    let at = rates.crashes
    if (roll < at && most.crash > 0) {
      most.crash--
      const fault = random.pick<Fault>(port === 'clock' ? ['crash'] : ['crash', 'crash-sent', 'crash-heard'])
      // What was sent may still be on its way when another engine has begun to clear up.
      const late = fault === 'crash-sent' && random.chance(0.6) ? { before: random.pick([5, 30, 200, 2000]) } : {}
      return { ...common, ...late, fault, ms: random.pick(restartMs) }
    }
    at += rates.pauses
    if (roll < at && most.pause > 0) {
      most.pause--
      return { ...common, fault: 'pause', ms: random.pick(pauseMs) }
    }
    if (port === 'clock') return undefined
    at += rates.stalls
    if (roll < at && most.stall > 0) {
      most.stall--
      const stall = random.pick(stallMs)
      return random.chance(0.5) ? { before: stall } : { ...common, after: stall }
    }
    if (port === 'secrets') return common
    at += rates.errors[port === 'proxy' ? 'target' : port]
    if (roll < at && most.error > 0) {
      most.error--
      if (port === 'store' && random.chance(rates.outages))
        this.#outages.set(engine, now + random.pick([100, 1000, 5000, 12_000]))
      return {
        ...common,
        fault: half[method] ? random.pick(['lost', 'unheard', 'half']) : random.pick(['lost', 'unheard']),
      }
    }
    at += vague[method] ? rates.vague : 0
    if (roll < at && most.error > 0) {
      most.error--
      return { ...common, fault: 'vague' }
    }
    return common
  }
}
