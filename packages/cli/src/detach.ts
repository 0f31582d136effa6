import { spawn } from 'node:child_process'
import type { DeployRequest, ErrorJson, RolloutOptions, RolloutRequest } from '@appaloft/core/spec'
import type { TargetFlags } from './targets/choice.js'

/** One attempt, or one on each of several targets. */
export type Work = { request: DeployRequest } | { rollout: RolloutRequest; options: Partial<RolloutOptions> }

/** An attempt for a process of its own. Handed over through a pipe, since it may hold the clear values of secrets. */
export type Job = Work & {
  stateDir: string
  /** The configuration whose parts compose the engine; null: the default one. */
  configFile: string | null
  /** The flags that choose where releases run. */
  targets?: TargetFlags
}

export type DetachAnswer = { deploymentId: string } | { rolloutId: string } | { error: ErrorJson }

/** The argument that makes the program run a job instead of a command. */
export const jobArgument = '__attempt'

/** Starts the program anew in a session of its own, out of reach of this terminal's signals. */
export function spawnDetached(program: string, job: Job): Promise<DetachAnswer> {
  const child = spawn(process.execPath, [...process.execArgv, program, jobArgument], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the attempt's process ended with ${code} before it answered`)))
    child.once('message', (answer) => {
      child.removeAllListeners()
      child.disconnect()
      child.unref()
      resolve(answer as DetachAnswer)
    })
    child.send(job)
  })
}
