import { expect, it } from 'vitest'
import type { Plan } from '../../spec/plan.js'
import { errorSign, statusSign } from './answer-signs.js'

const plan = { network: { internalPort: 3000 }, health: { path: '/' } } as unknown as Plan
const answer = (status: number, body = '', location?: string) => ({
  status,
  body,
  headers: location === undefined ? {} : { location },
})

it.each([
  [answer(302, '', '/login?token=abc'), 'health.path', /health\.path to \/login, or health\.expectedStatus to 302/],
  [answer(301, '', 'https://shop.example/'), 'health.path', /a path that does not redirect/],
  [answer(308), 'health.path', /a path that does not redirect/],
  [answer(404), 'health.path', /a path that the application has/],
  [answer(401), 'health.path', /needs no login/],
  [answer(403, 'Forbidden'), 'health.path', /needs no login/],
  [answer(400, 'Invalid HTTP_HOST header'), 'health.type', /host name localhost/],
  [answer(403, 'Blocked request. This host is not allowed.'), 'health.type', /host name localhost/],
  [answer(400, 'The plain HTTP request was sent to HTTPS port'), 'network.internalPort', /TLS/],
] as const)('an answer %j is about %s', (given, field, hint) => {
  const sign = statusSign(plan, given)
  expect(sign?.field).toBe(field)
  expect(sign?.hint).toMatch(hint)
  expect(sign?.hint).not.toContain('abc')
})

it('an error of the application is its own affair', () => {
  expect(statusSign(plan, answer(500))).toBeNull()
  expect(statusSign(plan, answer(400, 'Bad Request'))).toBeNull()
})

it.each([
  ['HPE_INVALID_CONSTANT', [0x15, 0x03, 0x03], 'network.internalPort'],
  ['HPE_INVALID_CONSTANT', [0x32, 0x32, 0x30], 'health.type'],
  ['ECONNRESET', undefined, 'network.internalPort'],
  ['TIMEOUT', undefined, 'health'],
  ['ECONNREFUSED', undefined, undefined],
] as const)('%s with %j is about %s', (code, raw, field) => {
  expect(errorSign(plan, code, raw === undefined ? undefined : Uint8Array.from(raw))?.field).toBe(field)
})
