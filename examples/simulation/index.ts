import { createAppaloft, memoryStore } from '@appaloft/core'
import { describeFailure, simulate } from '@appaloft/testkit'

/** Runs random schedules of one to four engines on one store, and throws with the shortest one that breaks a promise. */
export async function prove(runs: number, seed?: number): Promise<string> {
  const report = await simulate({
    createAppaloft,
    store: memoryStore,
    runs,
    ...(seed === undefined ? {} : { seed }),
  })
  if (report.failure !== null) throw new Error(describeFailure(report.failure))
  return `seed ${report.seed}: ${report.runs} schedules, ${report.steps} steps, no promise broken`
}
