import type { Check, CheckName } from '../../spec/checks.js'
import type { ErrorCode } from '../../spec/codes.js'
import { AppaloftError } from '../../spec/errors.js'
import type { JsonObject } from '../../spec/json.js'
import type { Evidence } from '../../spec/reasons.js'
import type { Attempt } from '../attempt.js'
import { cleaned } from '../redaction.js'
import { deadline } from '../timing.js'

export const seen = (signal: string, value: Evidence['value'], kind = 'response'): Evidence => ({
  kind,
  signal,
  ...(value === undefined ? {} : { value }),
})

/** What a check found: told with the next boundary. */
export function record(
  attempt: Attempt,
  name: CheckName,
  check: Omit<Check, 'observedAt'> & Partial<Pick<Check, 'observedAt'>>,
): void {
  const full: Check = cleaned(attempt.redact, { observedAt: attempt.runtime.now(), ...check })
  attempt.defer({
    set: { checks: { ...attempt.present.checks, [name]: full } },
    events: [
      attempt.event({
        type: 'check-observed',
        phase: 'verify',
        level: check.status === 'failed' ? 'error' : 'info',
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

export function fail(
  attempt: Attempt,
  name: CheckName,
  code: ErrorCode,
  message: string,
  attempts: number,
  evidence: Evidence[],
  details: JsonObject = {},
  recoveryHint?: string,
): never {
  record(attempt, name, { status: 'failed', code, attempts, evidence })
  throw new AppaloftError(code, { phase: 'verify', message, details, ...(recoveryHint ? { recoveryHint } : {}) })
}

/** The last lines of the release's own output; what can be read within two seconds. */
export async function runtimeLogs({ runtime, target, ref, redact }: Attempt, tail = 50): Promise<string[]> {
  const lines: string[] = []
  const output = redact.lines({ cut: true })
  const limit = deadline(runtime.clock, 2000, () => new Error('timeout'))
  try {
    for await (const line of target.logs(ref, { tail, signal: limit.signal })) lines.push(...output.write(line.text))
  } catch {
    // what was read is told
  } finally {
    limit.clear()
  }
  return [...lines, ...output.end()].slice(-tail).map((line) => line.slice(0, 2000))
}
