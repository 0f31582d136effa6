import type { Rollouts } from './rollout/rollouts.js'
import type { Running } from './running.js'
import type { Runtime } from './runtime.js'

/** What every verb needs beside the runtime. */
export interface Engine {
  runtime: Runtime
  running: Running
  rollouts: Rollouts
  /** Before an engine's first call other than `plan`: targets are told where they live, and what died is brought to its end. */
  ready(): Promise<void>
  opened(): Promise<void>
}
