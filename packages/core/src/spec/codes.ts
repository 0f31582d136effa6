import { blockingCodes } from './codes/blocking.js'
import { callCodes } from './codes/calls.js'
import type { CodeEntry } from './codes/entry.js'
import { failureCodes } from './codes/failures.js'
import { warningCodes } from './codes/warnings.js'

export type { CodeEntry }

/** Reasons: why a plan is blocked, or what it warns about. */
const reasonCodes = { ...blockingCodes, ...warningCodes }

export type ReasonCode = keyof typeof reasonCodes
export type FailureCode = keyof typeof failureCodes
export type ErrorCode = ReasonCode | FailureCode | keyof typeof callCodes

/** Every code of the SDK with its fix. The pages under docs/errors are made from it. */
export const codes: Readonly<Record<ErrorCode, CodeEntry>> = { ...reasonCodes, ...failureCodes, ...callCodes }

export const allReasonCodes = Object.keys(reasonCodes) as [ReasonCode, ...ReasonCode[]]
export const allErrorCodes = Object.keys(codes) as [ErrorCode, ...ErrorCode[]]

/** Where the page of a code is, relative to the documentation's root. */
export const docsPath = (code: ErrorCode): string => `errors/${code}.md`
