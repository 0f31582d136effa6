import { STATUS_CODES } from 'node:http'
import { AppaloftError, type Category, codes, docsPath, type ErrorCode, type ErrorJson } from '@appaloft/core/spec'

/** Where the category does not decide. */
const byCode: Partial<Record<ErrorCode, number>> = {
  'endpoint-not-found': 404,
  'resource-not-found': 404,
  'deployment-not-found': 404,
  'rollout-not-found': 404,
  'release-not-found': 404,
  'target-not-found': 404,
  'method-not-allowed': 405,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'plan-stale': 409,
  'source-changed': 409,
  'secret-unavailable': 503,
  'engine-closed': 503,
  'store-corrupt': 500,
}

const byCategory: Record<Category, number> = {
  input: 400,
  source: 422,
  plan: 422,
  verification: 422,
  'build-command': 422,
  'release-command': 422,
  state: 409,
  concurrency: 409,
  canceled: 409,
  internal: 500,
  network: 502,
  'image-pull': 502,
  credentials: 502,
  'runtime-backend': 503,
  'server-resources': 503,
  timeout: 504,
}

/** The HTTP status of a problem with this code. */
export const statusOf = (code: ErrorCode): number => byCode[code] ?? byCategory[codes[code].category]

/** The body of a problem response: RFC 9457, with the fields of our errors. */
export interface Problem extends ErrorJson {
  /** The code says what happened; the type adds nothing. */
  type: 'about:blank'
  title: string
  status: number
  detail: string
  /** The page of the code, relative to the documentation's root. */
  docs: string
}

const plain = (code: ErrorCode): ErrorJson => new AppaloftError(code).toJSON()

/**
 * What a caller may know of an error. What is the server's own matter keeps its code and loses its words, and a thing that does not exist is
 * told in the same words whatever was asked for: the answer to a refusal is equal to the last byte.
 */
export function publicError(error: unknown): ErrorJson {
  // A copy of core that is newer may know codes that this one does not.
  if (!AppaloftError.isInstance(error) || codes[error.code] === undefined) return plain('internal-error')
  const { code } = error
  const missing: ErrorCode[] = ['deployment-not-found', 'rollout-not-found', 'resource-not-found']
  const silent = statusOf(code) >= 500 || missing.includes(code)
  return silent ? plain(code) : error.toJSON()
}

export function problemOf(error: unknown): Problem {
  const json = publicError(error)
  const status = statusOf(json.code)
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: json.message,
    ...json,
    docs: docsPath(json.code),
  }
}
