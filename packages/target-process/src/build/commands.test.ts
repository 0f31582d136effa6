import { BuildSigns, type CommandResult } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { failureOf } from './commands.js'

const failure = (
  lastLogs: string[],
  exitCode: number | null = 1,
  code: 'install-failed' | 'build-failed' = 'install-failed',
) => {
  const result: CommandResult = { exitCode, signal: exitCode === null ? 'SIGKILL' : null, lastLogs }
  const signs = new BuildSigns()
  for (const line of lastLogs) signs.see(line)
  return failureOf(code, 'npm ci', { ...result, lastLogs: lastLogs.slice(-50) }, signs)
}

it.each([
  [
    'npm',
    '`npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.',
  ],
  ['pnpm', ' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile"'],
  ['yarn', 'error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.'],
  ['yarn berry', '➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.'],
  ['bun', 'error: lockfile had changes, but lockfile is frozen'],
])('a lockfile out of step is known from the words of %s', (_tool, line) => {
  expect(failure(['before', line, 'after']).code).toBe('lockfile-out-of-step')
  expect(failure([line], 1, 'build-failed').code).toBe('build-failed')
})

it.each([
  ['dash', '/bin/sh: 1: vite: not found'],
  ['dash, older', 'sh: 1: vite: not found'],
  ['bash', 'bash: line 1: vite: command not found'],
  ['env', "env: 'vite': No such file or directory"],
])('a missing tool is named from the words of %s', (_shell, line) => {
  const error = failure(['before', line], 127)
  expect([error.code, error.details.command]).toEqual(['command-not-found', 'vite'])
  expect(failure([line], 1).code).toBe('install-failed')
})

it('a full disk is told as such', () => {
  expect(failure(['npm error ENOSPC: no space left on device, write']).code).toBe('disk-full')
  expect(failure(['Error: ENOSPC: System limit for number of file watchers reached']).code).toBe('install-failed')
})

it.each([
  ['npm', 'npm error code ECONNREFUSED', 'network'],
  ['an older npm', 'npm ERR! code ENOTFOUND', 'network'],
  ['npm without a token', 'npm error code E401', 'credentials'],
  ['pnpm', ' ERR_PNPM_META_FETCH_FAIL  GET http://127.0.0.1:1/ms: request failed', 'network'],
  ['pnpm without a token', ' ERR_PNPM_FETCH_401  GET http://127.0.0.1:1/ms: Unauthorized - 401', 'credentials'],
  ['yarn', 'error An unexpected error occurred: "http://127.0.0.1:1/ms: connect ECONNREFUSED 127.0.0.1:1".', 'network'],
])('a registry that cannot be used is known from the words of %s', (_tool, line, category) => {
  expect(failure(['before', line, 'after'])).toMatchObject({
    code: 'install-failed',
    category,
    retriable: category === 'network',
    message: expect.stringContaining('package registry'),
  })
  expect(failure([line], 1, 'build-failed').category).toBe('build-command')
})

it('a script of a package that finds no database is no missing registry', () => {
  expect(failure(['Error: connect ECONNREFUSED 127.0.0.1:5432', 'npm error code 1']).category).toBe('build-command')
})

it('anything else carries what is known of it', () => {
  const error = failure(['oops'], 3, 'build-failed')
  expect(error.code).toBe('build-failed')
  expect(error.message).toBe('The command npm ci ended with exit code 3.')
  expect(error.details).toEqual({ command: 'npm ci', exitCode: 3, lastLogs: ['oops'] })
  expect(failure([], null).details).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
})

const outOfStepWords = [
  '`npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.',
]

it('what a package manager says stands, although it lets its whole usage follow', () => {
  const [first = ''] = outOfStepWords
  const usage = Array.from({ length: 100 }, (_, at) => `npm error usage ${at}`)
  const error = failure(['before', first, 'npm error Missing: inner@1.0.0 from lock file', ...usage])
  expect(error.code).toBe('lockfile-out-of-step')
  expect((error.details.lastLogs as string[]).slice(0, 2)).toEqual([
    first,
    'npm error Missing: inner@1.0.0 from lock file',
  ])
})
