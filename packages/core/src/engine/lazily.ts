import type { Engine } from './appaloft.js'

/** An iterator whose engine is made ready at its first `next`. */
export function lazily<T>(
  engine: Engine,
  make: () => AsyncIterableIterator<T> | AsyncGenerator<T>,
): AsyncIterableIterator<T> {
  let inner: AsyncIterator<T> | undefined
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (inner === undefined) {
        await engine.ready()
        inner = make()
      }
      return inner.next()
    },
    async return() {
      await inner?.return?.()
      return { done: true, value: undefined }
    },
  }
}
