import { codes, type ErrorCode } from './codes.js'
import type { JsonObject } from './json.js'
import type { Category, Phase } from './phases.js'

const marker = Symbol.for('appaloft.error')

export interface AppaloftErrorOptions {
  /** One sentence: what happened, with the input that caused it. Never a secret, never an absolute path of the machine where it can be helped. */
  message?: string
  phase?: Phase
  category?: Category
  retriable?: boolean
  /** Facts for programs. JSON, without secrets. */
  details?: JsonObject
  recoveryHint?: string
  cause?: unknown
}

/**
 * The one error of the SDK. Branch on `code`, never on `message`; every code has a page in the documentation with its fix.
 * Use `AppaloftError.isInstance(e)` instead of `instanceof`: it works across copies of the package.
 */
export class AppaloftError extends Error {
  readonly code: ErrorCode
  readonly phase: Phase | undefined
  readonly category: Category
  readonly retriable: boolean
  readonly details: JsonObject
  readonly recoveryHint: string

  constructor(code: ErrorCode, options: AppaloftErrorOptions = {}) {
    const entry = codes[code]
    super(options.message ?? entry.title, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppaloftError'
    this.code = code
    this.phase = options.phase ?? entry.phase
    this.category = options.category ?? entry.category
    this.retriable = options.retriable ?? entry.retriable ?? false
    this.details = options.details ?? {}
    this.recoveryHint = options.recoveryHint ?? entry.fix
    Object.defineProperty(this, marker, { value: true })
  }

  static isInstance(value: unknown): value is AppaloftError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true
  }

  /** Written out by hand: neither the stack nor the cause leaves the process, since both may hold what nobody reviewed. */
  toJSON(): ErrorJson {
    return {
      code: this.code,
      ...(this.phase === undefined ? {} : { phase: this.phase }),
      category: this.category,
      message: this.message,
      retriable: this.retriable,
      details: this.details,
      recoveryHint: this.recoveryHint,
    }
  }
}

export interface ErrorJson {
  code: ErrorCode
  phase?: Phase
  category: Category
  message: string
  retriable: boolean
  details: JsonObject
  recoveryHint: string
}

/** Is this the given error? Shorter than `isInstance` and a comparison. */
export const hasCode = (value: unknown, ...wanted: ErrorCode[]): value is AppaloftError =>
  AppaloftError.isInstance(value) && wanted.includes(value.code)
