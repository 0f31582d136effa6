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
  const ended = await Promise.allSettled(Array.from({ length: Math.min(limit, all.length) }, worker))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result)
}
