/** Fans a wake-up out to listeners: after the change is done, once for a burst of changes made in one go. */
export function wakeups(): { ring(): void; subscribe(listener: () => void): () => void } {
  const listeners = new Set<{ wake: () => void }>()
  let ringing = false
  return {
    ring() {
      if (ringing || listeners.size === 0) return
      ringing = true
      queueMicrotask(() => {
        ringing = false
        for (const one of [...listeners]) if (listeners.has(one)) call(one.wake)
      })
    },
    subscribe(wake) {
      // an object of its own: a listener that subscribes twice ends each subscription separately
      const entry = { wake }
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
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
