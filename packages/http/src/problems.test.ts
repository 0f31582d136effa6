import { AppaloftError, allErrorCodes, codes } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { problemOf, statusOf } from './problems.js'

describe('the table of statuses', () => {
  it.each([
    ['invalid-input', 400],
    ['source-not-allowed', 400],
    ['cursor-invalid', 400],
    ['unsupported-operation', 400],
    ['resource-not-found', 404],
    ['deployment-not-found', 404],
    ['release-not-found', 404],
    ['target-not-found', 404],
    ['endpoint-not-found', 404],
    ['method-not-allowed', 405],
    ['already-terminal', 409],
    ['already-promoted', 409],
    ['rollback-in-progress', 409],
    ['not-terminal', 409],
    ['not-retryable', 409],
    ['nothing-to-roll-back', 409],
    ['recovery-state-stale', 409],
    ['deployment-in-progress', 409],
    ['illegal-transition', 409],
    ['conflict', 409],
    ['fenced', 409],
    ['plan-stale', 409],
    ['source-changed', 409],
    ['payload-too-large', 413],
    ['unsupported-media-type', 415],
    ['internal-error', 500],
    ['store-corrupt', 500],
    ['store-unavailable', 503],
    ['engine-closed', 503],
    ['authorization-unavailable', 503],
  ] as const)('%s is %i', (code, status) => expect(statusOf(code)).toBe(status))

  it('knows every code, and none is a success', () => {
    for (const code of allErrorCodes) expect(statusOf(code)).toBeGreaterThanOrEqual(400)
    expect(allErrorCodes.filter((code) => codes[code].category === 'internal').map(statusOf)).toEqual(
      allErrorCodes.filter((code) => codes[code].category === 'internal').map(() => 500),
    )
  })

  it('takes a code of a newer core for an internal error', () => {
    const error = Object.assign(new AppaloftError('conflict', { message: 'x' }), { code: 'made-up' })
    expect(problemOf(error)).toMatchObject({ status: 500, code: 'internal-error' })
  })
})

describe('a problem', () => {
  it('is RFC 9457 with the fields of the error', () => {
    const error = new AppaloftError('conflict', { message: 'Somebody was faster.', details: { version: 3 } })
    expect(problemOf(error)).toEqual({
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      detail: 'Somebody was faster.',
      code: 'conflict',
      category: 'concurrency',
      message: 'Somebody was faster.',
      retriable: true,
      details: { version: 3 },
      recoveryHint: codes.conflict.fix,
      docs: 'errors/conflict.md',
    })
  })
})
