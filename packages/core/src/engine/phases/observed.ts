import type { Check, CheckName } from '../../spec/checks.js'
import type { ErrorCode } from '../../spec/codes.js'
import { AppaloftError } from '../../spec/errors.js'
import type { JsonObject } from '../../spec/json.js'
import type { Evidence } from '../../spec/reasons.js'
import type { Attempt } from '../attempt.js'

export const seen = (signal: string, value: Evidence['value'], kind = 'response'): Evidence => ({
  kind,
  signal,
  ...(value === undefined ? {} : { value }),
})

export async function record(attempt: Attempt, name: CheckName, check: Omit<Check, 'observedAt'>): Promise<void> {
  const full: Check = attempt.redact.json({ ...check, observedAt: attempt.runtime.now() })
  const level = check.status === 'failed' ? 'error' : 'info'
  await attempt.commit({
    set: { checks: { ...attempt.record.checks, [name]: full } },
    events: [
      attempt.event({
        type: 'check-observed',
        phase: 'verify',
        level,
        message: `${name}: ${check.status}`,
        data: {
          check: name,
          status: check.status,
          ...(check.code ? { code: check.code } : {}),
          evidence: full.evidence as unknown as JsonObject[],
        },
      }),
    ],
  })
}

export async function fail(
  attempt: Attempt,
  name: CheckName,
  code: ErrorCode,
  message: string,
  attempts: number,
  evidence: Evidence[],
  details: JsonObject = {},
): Promise<never> {
  await record(attempt, name, { status: 'failed', code, attempts, evidence })
  throw new AppaloftError(code, { phase: 'verify', message, details })
}

export async function runtimeLogs(attempt: Attempt, tail = 50): Promise<string[]> {
  const lines: string[] = []
  try {
    for await (const line of attempt.target.logs(attempt.ref, { tail, signal: AbortSignal.timeout(2000) }))
      lines.push(attempt.redact.text(line.text).slice(0, 2000))
  } catch {
    // what was read is told
  }
  return lines.slice(-tail)
}
