import type { ErrorJson } from '@appaloft/core/spec'
import { hintText } from './hint.js'
import type { Style } from './style.js'
import { clean } from './text.js'

interface Issue {
  path?: unknown
  message?: unknown
}

/** An error as a person reads it: code, message, the fields that are wrong, and what to do. */
export function errorLines(error: ErrorJson, style: Style): string[] {
  const issues = Array.isArray(error.details.issues) ? (error.details.issues as (Issue | string)[]) : []
  return [
    `${style.red('✖')} ${style.bold(error.code)}  ${clean(error.message)}`,
    ...issues.map((issue) =>
      typeof issue === 'string'
        ? `  ${clean(issue)}`
        : `  ${style.cyan(clean(String(issue.path ?? '')) || '(whole file)')}  ${clean(String(issue.message ?? ''))}`,
    ),
    `  ${style.bold('to recover:')} ${hintText(error.recoveryHint)}`,
  ]
}
