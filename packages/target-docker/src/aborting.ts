/** Goes on without the work where its caller gives up. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason)
    if (signal?.aborted === true) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    void work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort))
  })
}
