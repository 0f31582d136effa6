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
  return {
    emit(events: readonly DeploymentEvent[]) {
      for (const event of events) {
        emitter.emit(event.type, event)
        emitter.emit('event', event)
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
