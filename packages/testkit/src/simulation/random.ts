/** A seeded source of numbers: the same seed, the same numbers, on every machine. Not for secrets. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: number | string) {
    const [a, b, c] = spread(String(seed))
    this.#a = a
    this.#b = b
    this.#c = c
    for (let i = 0; i < 12; i++) this.next()
  }

  /** From 0, below 1 (the generator sfc32). */
  next(): number {
    const t = (this.#a + this.#b + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return (t >>> 0) / 4_294_967_296
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.next() * values.length)] as T
  }

  /** By weight. */
  weighted<T>(values: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.next() * values.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, value] of values) {
      left -= weight
      if (left < 0) return value
    }
    return values[0]![1]
  }
}

/** Three numbers of 32 bits out of a text (FNV-1a, three times). */
function spread(text: string): [number, number, number] {
  const hash = (start: number) => {
    let h = start
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16_777_619)
    return h >>> 0
  }
  return [hash(2_166_136_261), hash(3_339_675_911), hash(1_540_483_477)]
}
