/** How much further something is when it is told again, in percent. */
const toldPercent = 10

/** What comes in parts, of each of which is known how much there is. */
export class Amounts {
  readonly #parts = new Map<string, { current: number; total: number }>()
  #told = 0

  /** The percent of all, where it is time to tell it; else null. */
  add(part: string, current: number, total: number): number | null {
    if (total <= 0) return null
    this.#parts.set(part, { current: Math.min(current, total), total })
    const sum = (of: 'current' | 'total') => [...this.#parts.values()].reduce((all, one) => all + one[of], 0)
    const percent = Math.floor((100 * sum('current')) / sum('total'))
    if (percent < this.#told + toldPercent) return null
    this.#told = percent
    return percent
  }
}
