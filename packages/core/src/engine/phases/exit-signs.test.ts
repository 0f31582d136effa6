import { describe, expect, it } from 'vitest'
import type { Plan } from '../../spec/plan.js'
import { exitSign } from './exit-signs.js'

const planOf = (rest: object = {}) =>
  ({ artifact: { kind: 'workspace' }, environment: {}, volumes: [], binds: [], ...rest }) as unknown as Plan
const sign = (lines: string[], exitCode = 1, plan = planOf()) => exitSign(plan, exitCode, lines)

describe('what the last lines of a release tell', () => {
  it.each([
    ['Error: ENOSPC: no space left on device, write', 'volumes', /volumes/],
    [
      'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
      'runtime.resources',
      /NODE_OPTIONS/,
    ],
    ['[FATAL tini (7)] exec /app failed: Exec format error', 'runtime.startCommand', /this processor/],
    ['/app: line 1: \u007fELF\u0002\u0001: not found', 'runtime.startCommand', /this processor/],
    ['Error: listen EADDRINUSE: address already in use :::3000', 'network.internalPort', /one server/],
    ['[Errno 98] Address already in use', 'network.internalPort', /one server/],
    ['Error: listen EACCES: permission denied 0.0.0.0:80', 'network.internalPort', /1023/],
    ['nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)', 'network.internalPort', /1023/],
    ["Error: Cannot find module '/srv/dist/server.js'", 'runtime.startCommand', /\/srv\/dist\/server\.js/],
    ["python: can't open file '/srv/app.py': [Errno 2]", 'runtime.startCommand', /\/srv\/app\.py/],
    [
      "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/srv/db.js' imported from /srv/a.js",
      'source',
      /\/srv\/db\.js/,
    ],
    ["Error: Cannot find module 'express'", 'runtime.installCommand', /express/],
    ["ModuleNotFoundError: No module named 'flask'", 'runtime.installCommand', /flask/],
    ['Error: DATABASE_URL is required', 'environment', /DATABASE_URL/],
    ["KeyError: 'SECRET_KEY'", 'environment', /SECRET_KEY/],
  ])('%s', (line, field, hint) => {
    const found = sign(['starting', line])
    expect(found?.field).toBe(field)
    expect(found?.hint).toMatch(hint)
  })

  it.each([
    'Error: connect ECONNREFUSED 127.0.0.1:5432',
    'System limit for number of file watchers reached: ENOSPC, watch on file watchers',
    'Error [ERR_UNHANDLED]: the code ERR_SOMETHING_ELSE is not set',
    "EACCES: permission denied, open '/elsewhere/file'",
  ])('nothing, of %s', (line) => {
    expect(sign([line])).toBeNull()
  })

  it('a variable that was given is not the one that is missing; one for the build alone is', () => {
    const given = (scope: string) => planOf({ environment: { API_KEY: { value: 'x', scope } } })
    expect(sign(['API_KEY must be a number'], 1, given('runtime'))).toBeNull()
    expect(sign(['API_KEY is not set'], 1, given('build'))?.hint).toMatch(/API_KEY.*scope runtime/)
  })

  it('a folder that it may not write to is named where it is a volume or a bind', () => {
    const line = "Error: EACCES: permission denied, mkdir '/data/uploads'"
    expect(sign([line], 1, planOf({ volumes: [{ path: '/data' }] }))?.field).toBe('volumes')
    expect(sign([line], 1, planOf({ binds: [{ path: '/data' }] }))?.field).toBe('binds')
    expect(sign([line], 1, planOf({ volumes: [{ path: '/dat' }] }))).toBeNull()
  })

  it('the exit code decides where the lines do not', () => {
    expect(sign(['sh: 1: gunicorn: not found'], 127)?.hint).toMatch(/no program gunicorn/)
    expect(sign(['sh: /srv/run: Permission denied'], 126)?.hint).toMatch(/chmod/)
    expect(sign(['done'], 0)?.hint).toMatch(/goes on running/)
    expect(sign(['crashed'], 139)).toBeNull()
  })

  it('a syntax error is named with its place', () => {
    const lines = ['/srv/server.js:12', 'const a = {', '', '', 'SyntaxError: Unexpected end of input', '    at wrap']
    expect(sign(lines)).toEqual({
      field: 'source',
      hint: 'Mend /srv/server.js:12 of the source: SyntaxError: Unexpected end of input.',
    })
  })
})
