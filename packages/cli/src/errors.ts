import type { AppaloftError, ErrorCode, ErrorJson, JsonObject } from '@appaloft/core/spec'
import { type ExitCode, exitCodes } from './exit-codes.js'

/**
 * An error of the command line itself. It stands beside `AppaloftError` so that a wrong flag is refused without loading the engine.
 */
export class CliError extends Error {
  readonly json: ErrorJson
  readonly exitCode: ExitCode

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; details?: JsonObject; exitCode?: ExitCode; category?: ErrorJson['category'] } = {},
  ) {
    super(message)
    this.name = 'CliError'
    this.exitCode = options.exitCode ?? exitCodes.usage
    this.json = {
      code,
      category: options.category ?? 'input',
      message,
      retriable: false,
      details: options.details ?? {},
      recoveryHint: options.hint ?? 'Run the command with --help.',
    }
  }
}

/** A wrong flag or argument. */
export const usageError = (message: string, hint?: string): CliError => new CliError('invalid-input', message, { hint })

// The marker of AppaloftError, known by name: importing the class would load the schemas.
const marker = Symbol.for('appaloft.error')
const isAppaloftError = (value: unknown): value is AppaloftError =>
  typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true

/** The code of an error of ours, or undefined. */
export const codeOf = (error: unknown): ErrorCode | undefined =>
  error instanceof CliError ? error.json.code : isAppaloftError(error) ? error.code : undefined

const notFound: ReadonlySet<string> = new Set([
  'resource-not-found',
  'deployment-not-found',
  'release-not-found',
  'target-not-found',
])

/** Any thrown value as the error that is shown, with the exit code that tells it. */
export function describeError(error: unknown): { json: ErrorJson; exitCode: ExitCode } {
  if (error instanceof CliError) return { json: error.json, exitCode: error.exitCode }
  if (isAppaloftError(error)) return { json: error.toJSON(), exitCode: exitCodeOf(error.toJSON()) }
  const message = error instanceof Error ? error.message : String(error)
  return {
    json: {
      code: 'internal-error',
      category: 'internal',
      message: `Something unexpected happened: ${message}`,
      retriable: false,
      details: {},
      recoveryHint: 'Run the command again with APPALOFT_DEBUG=1 and report what it prints.',
    },
    exitCode: exitCodes.internal,
  }
}

export function exitCodeOf(error: ErrorJson): ExitCode {
  if (notFound.has(error.code)) return exitCodes.notFound
  if (error.category === 'input') return exitCodes.usage
  if (error.category === 'internal') return exitCodes.internal
  return exitCodes.failure
}
