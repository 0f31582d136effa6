import { existsSync, type FSWatcher, watch } from 'node:fs'

export interface WakeupOptions {
  bellPath: string
  pollMs: number
  /** Changes when another connection has committed; null where that cannot be told. */
  revision(): string | null
}

export interface Wakeups {
  /** Something of our own was committed. */
  ring(): void
  subscribe(listener: () => void): () => void
  close(): void
}

/**
 * Tells listeners of commits. Our own are known at once; other processes' by the bell file, which they touch after each commit, and,
 * should the file system keep silent, by a slow look at SQLite's counter of foreign commits. Costs nothing while nobody listens, and
 * keeps no process alive.
 */
export function wakeups({ bellPath, pollMs, revision }: WakeupOptions): Wakeups {
  const listeners = new Set<{ wake: () => unknown }>()
  let ringing = false
  let watcher: FSWatcher | undefined
  let poll: NodeJS.Timeout | undefined
  let known: string | null = null
  let isClosed = false

  function ring(): void {
    if (ringing || listeners.size === 0) return
    ringing = true
    queueMicrotask(() => {
      ringing = false
      for (const one of [...listeners]) if (listeners.has(one)) call(one.wake)
    })
  }

  function look(): void {
    const now = revision()
    const changed = now === null ? existsSync(bellPath) : now !== known
    known = now
    // our own touch of the bell comes back here, and is no news
    if (changed) ring()
  }

  function unwatch(): void {
    watcher?.close()
    watcher = undefined
  }

  function ensureWatch(): void {
    if (watcher !== undefined || !existsSync(bellPath)) return
    try {
      watcher = watch(bellPath, { persistent: false }, (event) => {
        // removed or replaced: the next poll looks for a new one
        if (event === 'rename') unwatch()
        look()
      })
      watcher.on('error', unwatch)
    } catch {
      // no watches left on this machine: the poll remains
    }
  }

  function start(): void {
    known = revision()
    ensureWatch()
    poll = setInterval(() => {
      ensureWatch()
      look()
    }, pollMs).unref()
  }

  function stop(): void {
    clearInterval(poll)
    poll = undefined
    unwatch()
  }

  return {
    ring() {
      if (poll !== undefined && watcher === undefined) ensureWatch()
      ring()
    },
    subscribe(wake) {
      // an object of its own: a listener given twice is two subscriptions
      const entry = { wake }
      listeners.add(entry)
      if (poll === undefined && !isClosed) start()
      return () => {
        if (listeners.delete(entry) && listeners.size === 0) stop()
      }
    },
    close() {
      isClosed = true
      listeners.clear()
      stop()
    },
  }
}

function call(listener: () => unknown): void {
  try {
    const answer = listener()
    if (answer instanceof Promise) answer.catch(() => {})
  } catch {
    // a listener that throws disturbs neither the store nor the others
  }
}
