import { AppaloftError } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import type { Container } from '../api/schemas.js'

const lookMs = 100

/**
 * Waits until a service is healthy by its own health check, or runs where it has none. What ended with 0 has done its work. Errors:
 * `compose-service-failed`, `compose-service-unhealthy`, the signal's reason.
 */
export async function untilReady(engine: Engine, service: string, name: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const container = await engine.container(name, { signal })
    if (container === null)
      throw new AppaloftError('compose-service-failed', { message: `The container of the service ${service} is gone.` })
    const { Status: status, Health: health, ExitCode: exitCode } = container.State
    if (status === 'exited' || status === 'dead') {
      if (exitCode === 0 && !health) return
      throw await ended(engine, service, container)
    }
    if (status === 'running' && (!health || health.Status === 'healthy' || health.Status === 'none')) return
    if (health?.Status === 'unhealthy') throw await unhealthy(engine, service, container)
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

export async function ended(engine: Engine, service: string, container: Container): Promise<AppaloftError> {
  const { ExitCode: exitCode, OOMKilled: killed } = container.State
  return new AppaloftError(killed ? 'out-of-memory' : 'compose-service-failed', {
    message: `The service ${service} ended with exit code ${exitCode}${killed ? ', killed for its memory' : ''}.`,
    details: { service, exitCode, lastLogs: await lastLogs(engine, container.Id) },
  })
}

async function unhealthy(engine: Engine, service: string, container: Container): Promise<AppaloftError> {
  const said = container.State.Health?.Log.at(-1)
  const checked = said?.Output.trim().slice(0, 500) ?? ''
  return new AppaloftError('compose-service-unhealthy', {
    message: `The service ${service} did not become healthy${said === undefined ? '' : `: its check ended with exit code ${said.ExitCode}`}${checked === '' ? '.' : ` (${checked}).`}`,
    details: { service, lastLogs: await lastLogs(engine, container.Id) },
  })
}

const kept = 50

export async function lastLogs(engine: Engine, id: string): Promise<string[]> {
  const lines: string[] = []
  try {
    const stream = await engine.logs(id, { follow: false, tail: kept })
    await readFrames(stream, (line) => lines.push(line.text))
  } catch {
    // What failed is told without them.
  }
  return lines.slice(-kept)
}
