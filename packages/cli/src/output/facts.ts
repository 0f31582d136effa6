import type { Check, Deployment, Evidence, Failure, Reason } from '@appaloft/core/spec'
import { hintText } from './hint.js'
import type { Style } from './style.js'
import { clean, inline, table } from './text.js'
import { typed } from './ways.js'

/** One observed fact in one line. */
export function evidenceLine(evidence: Evidence): string {
  const where = evidence.file === undefined ? '' : ` (${clean(evidence.file)})`
  const value = evidence.value === undefined ? '' : ` = ${inline(evidence.value)}`
  return `${clean(evidence.signal)}${value}${where}`
}

const checkColor = (style: Style, status: Check['status']): string =>
  ({ passed: style.green, failed: style.red, skipped: style.dim, unknown: style.yellow })[status](status)

/** The four checks with what proves them. */
export function checkLines(checks: Deployment['checks'], style: Style): string[] {
  const rows = Object.entries(checks).flatMap(([name, check]) =>
    check === undefined
      ? []
      : [
          [
            `  ${name}`,
            checkColor(style, check.status) + (check.code === undefined ? '' : ` ${check.code}`),
            style.dim(check.evidence.slice(0, 3).map(evidenceLine).join(', ')),
          ],
        ],
  )
  return table(rows)
}

/** What would make it work: first in the source, then in a profile. What `told` says already is not said again. */
function wayLines(reason: Reason, style: Style, told = ''): string[] {
  const line = (label: string, entry: Reason['fixPath'][number]): string[] => {
    const field = entry.profileField === undefined ? '' : ` ${style.cyan(entry.profileField)}`
    const example = entry.example === undefined ? '' : style.dim(`  e.g. ${inline(entry.example)}`)
    const action = clean(entry.action)
    const text = typed(entry)
    return [
      `    ${label} ${action}${action.includes(entry.profileField ?? '\0') ? '' : field}${example}`,
      ...(text === null ? [] : [`         ${style.dim('type:')} ${style.bold(text)}`]),
    ]
  }
  const fixes = reason.fixPath.map(({ action }) => action).join(' ')
  return [
    ...reason.fixPath.filter(({ action }) => !told.includes(action)).flatMap((entry) => line('fix:', entry)),
    ...reason.overridePath
      .filter(({ profileField, example }) => example !== undefined || !fixes.includes(profileField ?? '\0'))
      .flatMap((entry) => line('or: ', entry)),
  ]
}

/** Why a plan is blocked, or what it warns about. */
export function reasonLines(reason: Reason, style: Style, kind: 'warning' | 'blocked'): string[] {
  const mark = kind === 'blocked' ? style.red('✖') : style.yellow('⚠')
  return [
    `  ${mark} ${style.bold(reason.code)}  ${clean(reason.message)}`,
    ...reason.evidence.slice(0, 5).map((evidence) => style.dim(`    seen: ${evidenceLine(evidence)}`)),
    ...wayLines(reason, style),
  ]
}

/** What failed, with which inputs, what it said last, and how to recover. */
export function failureLines(failure: Failure, style: Style): string[] {
  const where = failure.step === undefined ? failure.phase : `${failure.phase}, step ${failure.step}`
  const lines = [`${style.red('✖')} ${style.bold(failure.code)} (${where})`, `  ${clean(failure.message)}`]
  if (failure.exitCode !== undefined) lines.push(`  exit code ${failure.exitCode}`)
  for (const input of failure.inputs) {
    lines.push(`  ${style.cyan(input.profileField)} = ${inline(input.value)} ${style.dim(`(${input.from})`)}`)
    for (const evidence of input.evidence ?? []) lines.push(style.dim(`    seen: ${evidenceLine(evidence)}`))
  }
  if (failure.reason !== undefined) {
    lines.push(...failure.reason.evidence.slice(0, 5).map((evidence) => style.dim(`  seen: ${evidenceLine(evidence)}`)))
    lines.push(...wayLines(failure.reason, style, failure.recoveryHint))
  }
  if (failure.lastLogs.length > 0) {
    lines.push('  last lines:', ...failure.lastLogs.slice(-20).map((line) => style.dim(`    │ ${clean(line)}`)))
  }
  lines.push(`  ${style.bold('to recover:')} ${hintText(failure.recoveryHint)}`)
  return lines
}

/** What became of the former release. */
export function rollbackLine(deployment: Deployment, style: Style): string[] {
  const { rollback } = deployment
  if (rollback === null) return []
  const words = {
    restored: style.green('the previous release serves the traffic'),
    'nothing-to-restore': style.dim('there was no previous release; nothing is left running'),
    failed: style.red('the previous release could not be restored'),
  }[rollback.outcome]
  const failure = rollback.failure === undefined ? [] : failureLines(rollback.failure, style).map((line) => `  ${line}`)
  return [`  rollback: ${rollback.outcome}, ${words}`, ...failure]
}

export function nextLines({ nextActions, failure }: Deployment, style: Style): string[] {
  if (nextActions.length === 0) return []
  const rows = nextActions.map(({ command, reason }) => [
    `    ${style.cyan(command)}`,
    reason === failure?.recoveryHint ? '' : style.dim(reason),
  ])
  return ['  next:', ...table(rows).map((row) => row.trimEnd())]
}
