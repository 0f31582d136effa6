/**
 * An iterator whose `return` ends it at once, also in the middle of a pending `next`, which then resolves as done. `make` is called now, so
 * that what it subscribes to begins now; the signal it is given is aborted when the iterator is over, however that came. What `make`
 * throws, the first `next` rejects with.
 */
export function stoppable<T>(make: (stopped: AbortSignal) => AsyncIterator<T>): AsyncIterableIterator<T> {
  const stopped = new AbortController()
  const pending = new Set<() => void>()
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }
  const stop = () => {
    if (stopped.signal.aborted) return
    stopped.abort()
    for (const end of [...pending]) end()
  }
  let inner: AsyncIterator<T>
  try {
    inner = make(stopped.signal)
  } catch (error) {
    inner = { next: () => Promise.reject(error) }
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () =>
      new Promise((resolve, reject) => {
        if (stopped.signal.aborted) return resolve(done)
        const end = () => {
          pending.delete(end)
          resolve(done)
        }
        pending.add(end)
        inner.next().then(
          (result) => {
            pending.delete(end)
            if (result.done) stop()
            resolve(result)
          },
          (error) => {
            // Where it was stopped meanwhile, it has been told so.
            pending.delete(end)
            stop()
            reject(error)
          },
        )
      }),
    async return() {
      stop()
      // Not waited for: a generator in the middle of something answers only after that.
      inner.return?.()?.catch(() => {})
      return done
    },
  }
}

/** Aborted with the first of both. Holds on to neither when the iterator that `stopped` belongs to is over. */
export function linked(stopped: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  if (given === undefined) return stopped
  const either = new AbortController()
  const abort = () => {
    given.removeEventListener('abort', abort)
    stopped.removeEventListener('abort', abort)
    either.abort()
  }
  if (stopped.aborted || given.aborted) either.abort()
  else for (const one of [stopped, given]) one.addEventListener('abort', abort)
  return either.signal
}
