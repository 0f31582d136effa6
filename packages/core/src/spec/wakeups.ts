/** Which deployments changed, their events included; undefined: any may have. None of them where something else did. */
export type Changed = ReadonlySet<string> | undefined
export type WakeupListener = (changed?: Changed) => unknown

export interface Wakeups {
  /** @param deploymentIds those that changed, where that is known */
  ring(deploymentIds?: readonly string[]): void
  subscribe(listener: WakeupListener): () => void
}

/** For stores: fans a wake-up out to listeners, after the change is done, and once for a burst of changes made in one go. */
export function createWakeups(): Wakeups {
  const listeners = new Set<{ wake: WakeupListener }>()
  let ringing = false
  let changed: Set<string> | undefined
  return {
    ring(deploymentIds) {
      if (listeners.size === 0) return
      if (!ringing) changed = new Set()
      if (deploymentIds === undefined) changed = undefined
      else for (const id of deploymentIds) changed?.add(id)
      if (ringing) return
      ringing = true
      queueMicrotask(() => {
        ringing = false
        for (const one of [...listeners]) if (listeners.has(one)) call(() => one.wake(changed))
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
