import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { resolveOptions } from './options.js'

it('finds the file where the other state is, unless it is told a path', () => {
  const path = (env: NodeJS.ProcessEnv, options = {}) => resolveOptions(options, env).path
  expect(path({ APPALOFT_STATE_DIR: '/a', XDG_STATE_HOME: '/b' })).toBe(resolve('/a/appaloft.db'))
  expect(path({ XDG_STATE_HOME: '/b' })).toBe(resolve('/b/appaloft/appaloft.db'))
  expect(path({ APPALOFT_STATE_DIR: '', XDG_STATE_HOME: '' })).toBe(
    join(homedir(), '.local', 'state', 'appaloft', 'appaloft.db'),
  )
  expect(path({ APPALOFT_STATE_DIR: '/a' }, { path: 'x.db' })).toBe(resolve('x.db'))
})
