import type { SourceTree } from '@appaloft/core/spec'

/** Numbers from 0 up to 1, the same ones for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The same tree as a file system might list it: entries and matches come in an order that the seed decides. */
export function shuffledTree(tree: SourceTree, seed: number): SourceTree {
  const next = numbers(seed)
  const shuffle = <T>(list: readonly T[]): T[] => {
    const out = [...list]
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1))
      ;[out[i], out[j]] = [out[j]!, out[i]!]
    }
    return out
  }
  return {
    has: tree.has,
    readText: tree.readText,
    list: async (directory) => shuffle(await tree.list(directory)),
    glob: async (pattern, options) => shuffle(await tree.glob(pattern, options)),
  }
}
