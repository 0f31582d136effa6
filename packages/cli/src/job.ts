import type { CompositionConfig } from './config/define.js'
import type { Composed } from './context.js'
import type { DetachAnswer, Job } from './detach.js'
import { describeError } from './errors.js'

/** What the detached process does: it answers with the attempt's id, and goes on alone to its end. */
export async function runJob(
  job: Job,
  surroundings: {
    answer(answer: DetachAnswer): Promise<void>
    compose(job: Job): Promise<Composed>
    /** Cancels the attempt. */
    signal: AbortSignal
  },
): Promise<void> {
  const { answer, compose, signal } = surroundings
  let parts: Composed | undefined
  try {
    parts = await compose(job)
    const { deployments } = parts.engine
    const handle =
      'rollout' in job
        ? await deployments.rollout(job.rollout, { ...job.options, signal })
        : await deployments.create(job.request, { signal })
    // Whoever asked may be gone already: that is no reason to stop.
    await answer('rollout' in job ? { rolloutId: handle.id } : { deploymentId: handle.id }).catch(() => {})
    await handle.done
  } catch (error) {
    await answer({ error: describeError(error).json }).catch(() => {})
  } finally {
    await parts?.engine.close()
  }
}

/** The job of this process, from the one that started it. */
export const receiveJob = (): Promise<Job> =>
  new Promise((resolve) => {
    process.once('message', (job) => resolve(job as Job))
  })

export const sendAnswer = (answer: DetachAnswer): Promise<void> =>
  new Promise((resolve, reject) => {
    if (!process.connected || process.send === undefined) return reject(new Error('nobody listens'))
    process.send(answer, undefined, {}, (error) => (error === null ? resolve() : reject(error)))
  })

/** Composes the engine as the job's starter would have. */
export async function composeJob(job: Job): Promise<Composed> {
  const { compose } = await import('./composition.js')
  const { withTargetFlags } = await import('./targets/choice.js')
  const composed = (composition: CompositionConfig) =>
    compose({ stateDir: job.stateDir, composition: withTargetFlags(composition, job.targets ?? {}) })
  if (job.configFile === null) return composed({})
  const { loadConfig } = await import('./config/load.js')
  return composed((await loadConfig(job.configFile, { env: process.env, compositionOnly: true })).composition)
}
