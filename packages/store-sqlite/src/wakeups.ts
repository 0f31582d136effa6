import { existsSync, type FSWatcher, watch } from 'node:fs'
import { createWakeups, type Wakeups } from '@appaloft/core/spec'

export interface WakeupOptions {
  bellPath: string
  pollMs: number
  /** Changes when another connection has committed; null where that cannot be told. */
  revision(): string | null
}

export interface FileWakeups extends Pick<Wakeups, 'ring' | 'subscribe'> {
  close(): void
}

/**
 * Tells listeners of commits. Our own are known at once; other processes' by the bell file, which they touch after each commit, and,
 * should the file system keep silent, by a slow look at SQLite's counter of foreign commits. Costs nothing while nobody listens, and
 * keeps no process alive.
 */
export function wakeups({ bellPath, pollMs, revision }: WakeupOptions): FileWakeups {
  const listeners = createWakeups()
  const leaving = new Set<() => void>()
  let watcher: FSWatcher | undefined
  let poll: NodeJS.Timeout | undefined
  let known: string | null = null
  let isClosed = false

  function look(): void {
    const now = revision()
    const changed = now === null ? existsSync(bellPath) : now !== known
    known = now
    // our own touch of the bell comes back here, and is no news
    // Whose they are is not known.
    if (changed) listeners.ring()
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
    /** Something of our own was committed. */
    ring(deploymentIds) {
      if (poll !== undefined && watcher === undefined) ensureWatch()
      listeners.ring(deploymentIds)
    },
    subscribe(wake) {
      if (isClosed) return () => {}
      const leave = listeners.subscribe(wake)
      if (poll === undefined) start()
      leaving.add(leave)
      return () => {
        leave()
        if (leaving.delete(leave) && leaving.size === 0) stop()
      }
    },
    close() {
      isClosed = true
      for (const leave of leaving) leave()
      leaving.clear()
      stop()
    },
  }
}
