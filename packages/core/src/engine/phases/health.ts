import type { ErrorCode } from '../../spec/codes.js'
import type { Address } from '../../spec/proxy.js'
import { type Evidence, reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { RunningState } from '../../spec/target.js'
import { type Attempt, pause } from '../attempt.js'
import { ask, dial } from '../request.js'
import { fail, record, runtimeLogs, seen } from './observed.js'

async function exited(attempt: Attempt, state: RunningState, attempts: number): Promise<never> {
  const gone = state.instances.find((one) => one.state === 'exited') ?? state.instances[0]
  const lastLogs = await runtimeLogs(attempt)
  const how =
    gone?.exitCode !== undefined
      ? `exit code ${gone.exitCode}`
      : gone?.signal
        ? `signal ${gone.signal}`
        : 'an unknown exit code'
  const evidence = [
    seen('process', { state: state.state, exitCode: gone?.exitCode ?? null, signal: gone?.signal ?? null }, 'process'),
    ...lastLogs.slice(-5).map((line) => seen('log', line, 'log')),
  ]
  const code = gone?.outOfMemory ? 'out-of-memory' : 'process-exited'
  return fail(attempt, 'process', code, `The process exited with ${how}.`, attempts, evidence, {
    lastLogs,
    ...(gone?.exitCode === undefined ? {} : { exitCode: gone.exitCode }),
  })
}

/** process and health, together: an exit ends the wait at once. */
export async function checkHealth(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { target, signal } = attempt
  const { plan } = release
  const { health } = plan
  const clock = attempt.runtime.clock
  const began = clock.monotonic()
  const startPeriod = health.startPeriodSeconds * 1000
  const port = health.port ?? plan.network.internalPort ?? 80
  let attempts = 0
  let counted = 0
  let processTold = false
  for (;;) {
    signal.throwIfAborted()
    attempts++
    const inPeriod = clock.monotonic() - began < startPeriod
    const state = await target.inspect(attempt.ref, { signal })
    if (state.state === 'exited' || state.state === 'absent' || state.instances.some((one) => one.state === 'exited'))
      await exited(attempt, state, attempts)
    const running = state.state === 'running'
    if (running && !processTold) {
      processTold = true
      await record(attempt, 'process', {
        status: 'passed',
        attempts,
        evidence: state.instances.map((one) => seen('pid', one.pid ?? one.id, 'process')),
      })
    }
    if (!health.enabled) {
      if (plan.network.exposure !== 'none' || !inPeriod) {
        if (running)
          return record(attempt, 'health', {
            status: 'skipped',
            attempts: 0,
            evidence: [seen('health.enabled', false, 'profile')],
          })
        if (!inPeriod) await fail(attempt, 'process', 'start-failed', 'The process was not seen running.', attempts, [])
      }
      await pause(100, signal)
      continue
    }
    const outcome = await probe(attempt, release, port)
    if (outcome.ok && running) {
      await record(attempt, 'health', { status: 'passed', attempts, evidence: outcome.evidence })
      if (
        health.defaulted &&
        health.type === 'http' &&
        outcome.status !== undefined &&
        (outcome.status < 200 || outcome.status > 299)
      ) {
        const warning = reason('health-policy-defaulted', {
          phase: 'verify',
          message: `No health check is defined, and / answered ${outcome.status}.`,
        })
        await attempt.commit({
          set: { warnings: [...attempt.record.warnings, warning] },
          events: [
            attempt.event({
              type: 'warning',
              phase: 'verify',
              level: 'warn',
              message: warning.message,
              data: { code: warning.code },
            }),
          ],
        })
      }
      return
    }
    if (!outcome.ok && !inPeriod) {
      counted++
      const expected = state.instances.flatMap((one) => one.expectedPort ?? [])
      const listening = [...new Set(state.instances.flatMap((one) => one.listening ?? []))]
      const elsewhere = outcome.refused && listening.length > 0 && !listening.some((one) => expected.includes(one))
      if (elsewhere || counted >= health.retries) {
        if (outcome.refused) {
          const where = listening.length > 0 ? `it listens on ${listening.join(', ')}` : 'it listens on no port'
          await fail(
            attempt,
            'health',
            'port-not-listening',
            `Nothing answers on the release's port ${expected.join(', ') || port}; ${where}.`,
            attempts,
            [...outcome.evidence, seen('expected-port', expected, 'process'), seen('listening', listening, 'process')],
            { expected, listening, lastLogs: await runtimeLogs(attempt) },
          )
        }
        await fail(attempt, 'health', outcome.code, outcome.message, attempts, outcome.evidence, {
          lastLogs: await runtimeLogs(attempt),
        })
      }
    }
    // Inside the start period often, so that a healthy one is noticed at once.
    await pause(inPeriod ? 50 : health.intervalSeconds * 1000, signal)
  }
}

type Outcome = {
  ok: boolean
  status?: number
  refused?: boolean
  code: ErrorCode
  message: string
  evidence: Evidence[]
}

async function probe(attempt: Attempt, release: ReleaseRecord, port: number): Promise<Outcome> {
  const { health } = release.plan
  const timeoutMs = health.timeoutSeconds * 1000
  if (health.type === 'command') {
    const result = await attempt.target
      .exec(attempt.ref, health.command!, { signal: AbortSignal.any([attempt.signal, AbortSignal.timeout(timeoutMs)]) })
      .catch((error) => {
        attempt.signal.throwIfAborted()
        return { exitCode: null, signal: null, lastLogs: [String(error instanceof Error ? error.message : error)] }
      })
    const evidence = [
      seen('exit-code', result.exitCode, 'process'),
      ...result.lastLogs.slice(-3).map((line) => seen('log', line, 'log')),
    ]
    return {
      ok: result.exitCode === 0,
      code: 'health-command-failed',
      message: `The health command ended with exit code ${result.exitCode}.`,
      evidence,
    }
  }
  const { probe: addresses } = await attempt.target.reach(attempt.ref, port, { signal: attempt.signal })
  if (addresses.length === 0)
    return {
      ok: false,
      refused: true,
      code: 'health-timeout',
      message: 'The release has no address yet.',
      evidence: [],
    }
  let last: Outcome | undefined
  for (const address of addresses) {
    last = await probeOne(attempt, address, health, timeoutMs)
    if (!last.ok) return last
  }
  return last!
}

async function probeOne(
  attempt: Attempt,
  address: Address,
  health: ReleaseRecord['plan']['health'],
  timeoutMs: number,
): Promise<Outcome> {
  const started = performance.now()
  try {
    if (health.type === 'tcp') {
      await dial(address, timeoutMs)
      return { ok: true, code: 'health-timeout', message: '', evidence: [seen('tcp', 'connected')] }
    }
    const answer = await ask(address, {
      path: health.path,
      method: health.method,
      headers: { host: 'localhost', 'user-agent': 'appaloft-health' },
      timeoutMs,
      signal: attempt.signal,
    })
    const evidence = [
      seen(`${health.method} ${health.path}`, answer.status),
      seen('milliseconds', Math.round(performance.now() - started)),
    ]
    const good = health.expectedStatus === undefined ? answer.status < 500 : answer.status === health.expectedStatus
    if (!good) {
      return {
        ok: false,
        status: answer.status,
        code: 'health-status-unexpected',
        message: `${health.method} ${health.path} answered ${answer.status}, expected ${health.expectedStatus ?? 'below 500'}.`,
        evidence,
      }
    }
    if (health.expectedText !== undefined && !answer.body.includes(health.expectedText)) {
      return {
        ok: false,
        status: answer.status,
        code: 'health-text-missing',
        message: `${health.method} ${health.path} does not contain ${JSON.stringify(health.expectedText)}.`,
        evidence,
      }
    }
    return { ok: true, status: answer.status, code: 'health-timeout', message: '', evidence }
  } catch (error) {
    attempt.signal.throwIfAborted()
    const code = (error as NodeJS.ErrnoException).code ?? 'error'
    const refused = code === 'ECONNREFUSED' || code === 'ENOENT'
    return {
      ok: false,
      refused,
      code: 'health-timeout',
      message: `${health.method} ${health.path} did not answer within ${health.timeoutSeconds} s (${code}).`,
      evidence: [seen(`${health.method} ${health.path}`, code)],
    }
  }
}
