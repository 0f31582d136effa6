import { createAppaloft, memoryStore } from '@appaloft/core'
import type { AppaloftOptions } from '@appaloft/core/spec'
import { describeFailure, simulate } from '@appaloft/testkit'

/** The engine as this program composes it: what the simulation gives, and what is its own. */
const compose = (parts: AppaloftOptions) => createAppaloft({ ...parts, concurrency: 'wait' })

/** Runs schedules until one breaks a promise of the engine, or so many have kept them all. */
export async function prove(runs: number, seed?: number): Promise<string> {
  const report = await simulate({
    createAppaloft: compose,
    store: memoryStore,
    runs,
    ...(seed === undefined ? {} : { seed }),
  })
  if (report.failure !== null) throw new Error(describeFailure(report.failure))
  return `${report.runs} runs from seed ${report.seed}, ${report.steps} steps, 0 violations`
}
