import type { Appaloft, CreateOptions, Deployment, DeploymentHandle } from '@appaloft/core/spec'
import type { Context } from './context.js'
import { type ExitCode, exitCodes } from './exit-codes.js'
import { exitCodeOfSignal, leftWords, type StopSignal } from './io/signals.js'
import type { Reporter } from './output/reporter.js'
import { createReporter } from './output/reporters.js'

/**
 * Starts an attempt and shows it to its end. The first SIGINT or SIGTERM cancels it; a closed terminal or a reader that went away changes
 * nothing but that nobody is told any more.
 */
export async function runAttempt(
  ctx: Context,
  engine: Appaloft,
  start: (options: CreateOptions) => Promise<DeploymentHandle>,
): Promise<ExitCode> {
  const reporter = createReporter(ctx)
  const abort = new AbortController()
  let handle: DeploymentHandle | undefined
  let stopped: StopSignal | undefined
  const release = ctx.io.signals.hold((signal) => {
    stopped = signal
    void cancel(engine, handle, abort, reporter)
  }, leftWords)
  try {
    handle = await start({ signal: abort.signal })
    reporter.accepted({ id: handle.id })
    for await (const envelope of handle.events({ follow: true, heartbeatSeconds: 0 })) reporter.envelope(envelope)
    const deployment = await handle.done
    reporter.finish(deployment)
    return exitCodeOfDeployment(deployment, stopped)
  } finally {
    reporter.close()
    release()
  }
}

async function cancel(
  engine: Appaloft,
  handle: DeploymentHandle | undefined,
  abort: AbortController,
  reporter: Reporter,
): Promise<void> {
  reporter.note('canceling: the running work is stopped and undone (once more ends this process at once)')
  if (handle === undefined) return abort.abort()
  try {
    await engine.deployments.cancel(handle.id)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    reporter.note(`it can no longer be canceled: ${message} It goes on to its end.`)
  }
}

/** The outcome counts, not the wish: what was promoted before the signal came has succeeded. */
export function exitCodeOfDeployment(deployment: Deployment, stopped?: StopSignal): ExitCode {
  if (deployment.status === 'succeeded') return exitCodes.success
  if (deployment.status === 'canceled' && stopped !== undefined) return exitCodeOfSignal(stopped)
  const { failure } = deployment
  return deployment.status === 'failed' && failure?.reason !== undefined && !retriable.has(failure.code)
    ? exitCodes.blocked
    : exitCodes.failure
}

// Reasons that end an attempt without anything being wrong with source or profiles.
const retriable: ReadonlySet<string> = new Set(['plan-stale', 'deployment-in-progress'])
