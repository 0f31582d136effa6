import { EventEmitter } from 'eventemitter3'
import type { EngineEvents } from '../spec/api.js'
import type { DeploymentEvent } from '../spec/events.js'

/** Fan-out inside the process. A listener that throws, also later, breaks neither a deployment nor another listener. */
export function createBus() {
  const emitter = new EventEmitter()
  const wrapped = new WeakMap<object, (event: DeploymentEvent) => void>()
  const safe = (listener: (event: DeploymentEvent) => unknown) => {
    const known = wrapped.get(listener)
    if (known !== undefined) return known
    const made = (event: DeploymentEvent) => {
      try {
        const later = listener(event)
        if (later instanceof Promise) later.catch(() => {})
      } catch {
        // its own affair
      }
    }
    wrapped.set(listener, made)
    return made
  }
  /** Commits on their way, by deployment, and what was told of it meanwhile. */
  const writing = new Map<string, { writers: number; waiting: DeploymentEvent[] }>()
  const tell = (event: DeploymentEvent) => {
    emitter.emit(event.type, event)
    emitter.emit('event', event)
  }
  return {
    emit(events: readonly DeploymentEvent[]) {
      for (const event of events) {
        const held = writing.get(event.deploymentId)
        if (held === undefined) tell(event)
        else held.waiting.push(event)
      }
    },
    /** Until it is let go, events of a deployment wait: an answer that comes late is told before what was written after it. */
    hold(deploymentId: string): () => void {
      const held = writing.get(deploymentId) ?? { writers: 0, waiting: [] }
      writing.set(deploymentId, held)
      held.writers += 1
      return () => {
        held.writers -= 1
        if (held.writers > 0) return
        writing.delete(deploymentId)
        for (const event of held.waiting.sort((a, b) => a.sequence - b.sequence)) tell(event)
      }
    },
    on<T extends keyof EngineEvents>(type: T, listener: EngineEvents[T]) {
      emitter.on(type, safe(listener))
    },
    off<T extends keyof EngineEvents>(type: T, listener: EngineEvents[T]) {
      emitter.off(type, safe(listener))
    },
  }
}
