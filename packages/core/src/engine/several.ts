/** Does the same with each, with at most so many at once, and waits for all that was begun. Rejects as the first that failed, by their order. */
export async function several<T, R>(limit: number, all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results = new Map<number, R>()
  const left = [...all.entries()].reverse()
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [at, one] = next
      try {
        results.set(at, await work(one))
      } catch (error) {
        left.length = 0
        throw error
      }
    }
  }
  await allOver(Array.from({ length: Math.min(limit, all.length) }, worker))
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result)
}

/** Rejects as the first of them, by their order, that does: when nothing of any is under way. */
export async function allOver(works: readonly Promise<unknown>[]): Promise<void> {
  for (const one of await Promise.allSettled(works)) if (one.status === 'rejected') throw one.reason
}
