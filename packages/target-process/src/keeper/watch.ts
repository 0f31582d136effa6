import { lockHolder } from '../shared/lock.js'
import type { Layout } from '../shared/paths.js'
import { readProgram, spawnRole } from './spawn.js'

const everyMs = 300
/** So long a new keeper may take to show itself before another one is started. */
const patienceMs = 2_000

/** Run by each helper: starts the keeper again when it is gone. Several may do so at once; the keeper's lock lets one of them live. */
export function watchKeeper(layout: Layout, log: (text: string) => void): { stop(): void } {
  let startedAt = Number.NEGATIVE_INFINITY
  const timer = setInterval(() => {
    try {
      if (lockHolder(layout.lock('keeper')) !== null || performance.now() - startedAt < patienceMs) return
      const program = readProgram(layout)
      if (program === null) return
      startedAt = performance.now()
      log('the keeper is gone; starting it again')
      spawnRole(layout, 'keeper', program)
    } catch (error) {
      log(`could not look after the keeper: ${error instanceof Error ? error.message : 'unknown error'}`)
    }
  }, everyMs)
  return { stop: () => clearInterval(timer) }
}
