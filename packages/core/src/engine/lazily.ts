import type { Engine } from './engine.js'
import { stoppable } from './stoppable.js'

/** An iterator of an engine that is made ready first, now: what goes wrong there, the first `next` rejects with. */
export function lazily<T>(
  engine: Engine,
  make: () => AsyncIterator<T> | Promise<AsyncIterator<T>>,
): AsyncIterableIterator<T> {
  return stoppable((stopped) => {
    const inner = engine.ready().then(() => {
      stopped.throwIfAborted()
      return make()
    })
    const end = () => inner.then((iterator) => iterator.return?.())
    inner.catch(() => {})
    stopped.addEventListener('abort', () => void end().catch(() => {}), { once: true })
    return { next: async () => (await inner).next() }
  })
}
