import { redactLines } from '../../secrets/index.js'
import type { ErrorCode } from '../../spec/codes.js'
import { missingProgram } from '../../spec/missing-program.js'
import type { Plan } from '../../spec/plan.js'
import type { Address } from '../../spec/proxy.js'
import type { Evidence } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { within } from '../timing.js'
import { type AnswerSign, errorSign, statusSign } from './answer-signs.js'
import { seen } from './observed.js'

/** What one look at a release's health gave. */
export type Outcome = {
  ok: boolean
  status?: number
  refused?: boolean
  code: ErrorCode
  message: string
  evidence: Evidence[]
  /** The setting to change, where the answer tells more than its code does. */
  sign?: AnswerSign | null
}

/** All instances answer as the health policy says, or the first that does not tells why. @param addresses where they answer */
export async function probe(
  attempt: Attempt,
  release: ReleaseRecord,
  addresses: readonly Address[],
  signal: AbortSignal = attempt.signal,
): Promise<Outcome> {
  const { health } = release.plan
  const timeoutMs = health.timeoutSeconds * 1000
  if (health.type === 'command') {
    const { target, ref, runtime } = attempt
    const command = health.command!
    const run = (limit: AbortSignal) => target.exec(ref, command, { signal: limit })
    const result = await within(runtime.clock, timeoutMs, run, signal).catch((error) => {
      signal.throwIfAborted()
      return { exitCode: null, signal: null, lastLogs: [String(error instanceof Error ? error.message : error)] }
    })
    const evidence = [
      seen('exit-code', result.exitCode, 'process'),
      ...redactLines(attempt.redact, result.lastLogs, { cut: true })
        .slice(-3)
        .map((line) => seen('log', line, 'log')),
    ]
    const missing = absentProgram(result.exitCode, result.lastLogs)
    return {
      ok: result.exitCode === 0,
      code: 'health-command-failed',
      message:
        missing === null
          ? `The health command ended with exit code ${result.exitCode}.`
          : `The release holds no program ${missing}.`,
      evidence,
      ...(missing === null
        ? {}
        : {
            sign: {
              field: 'health.command',
              hint: `Set health.command to a program of the release: it has no ${missing}.`,
            },
          }),
    }
  }
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
    last = await probeOne(attempt, address, release.plan, timeoutMs, signal)
    if (!last.ok) return last
  }
  return last!
}

/** An engine that runs commands inside says it by 126 as well. */
const absentProgram = (exitCode: number | null, lines: readonly string[]): string | null =>
  missingProgram(exitCode === 126 ? 127 : exitCode, lines)

async function probeOne(
  attempt: Attempt,
  address: Address,
  plan: Plan,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const { health } = plan
  const { clock, prober } = attempt.runtime
  const started = clock.monotonic()
  try {
    if (health.type === 'tcp') {
      await prober.dial(address, { timeoutMs, signal })
      return { ok: true, code: 'health-timeout', message: '', evidence: [seen('tcp', 'connected')] }
    }
    const answer = await prober.request(address, {
      path: health.path,
      method: health.method,
      headers: { host: 'localhost', 'user-agent': 'appaloft-health' },
      timeoutMs,
      signal,
    })
    const evidence = [
      seen(`${health.method} ${health.path}`, answer.status),
      seen('milliseconds', Math.round(clock.monotonic() - started)),
    ]
    const good = health.expectedStatus === undefined ? answer.status < 500 : answer.status === health.expectedStatus
    if (!good) {
      return {
        ok: false,
        status: answer.status,
        code: 'health-status-unexpected',
        message: `${health.method} ${health.path} answered ${answer.status}, expected ${health.expectedStatus ?? 'below 500'}.`,
        evidence,
        sign: statusSign(plan, answer),
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
    signal.throwIfAborted()
    const code = (error as NodeJS.ErrnoException).code ?? 'error'
    const refused = code === 'ECONNREFUSED' || code === 'ENOENT'
    const { rawPacket } = error as { rawPacket?: Uint8Array }
    const sign = errorSign(plan, code, rawPacket)
    const how =
      code.startsWith('HPE_') || rawPacket !== undefined
        ? 'gave no answer in HTTP'
        : `did not answer within ${health.timeoutSeconds} s`
    return {
      ok: false,
      refused,
      code: 'health-timeout',
      message: `${health.method} ${health.path} ${how} (${code}).`,
      evidence: [seen(`${health.method} ${health.path}`, code)],
      sign,
    }
  }
}
