import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { allErrorCodes, docsPath } from '@appaloft/core/spec'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const program = (...args: string[]) => {
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts/error-pages.mjs'), ...args], {
    encoding: 'utf8',
  })
  return { status, said: stdout.trim() }
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-pages-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('docs/errors is what the table of codes says', { timeout: 30_000 }, () => {
  expect(program('--check')).toEqual({ status: 0, said: '' })
  expect(allErrorCodes.filter((code) => !existsSync(join(root, 'docs', docsPath(code))))).toEqual([])
})

it('tells of a page that is missing, stale or superfluous', { timeout: 60_000 }, () => {
  program('--folder', folder)
  rmSync(join(folder, 'timeout.md'))
  appendFileSync(join(folder, 'conflict.md'), 'more\n')
  writeFileSync(join(folder, 'no-such-code.md'), '')
  const { status, said } = program('--check', '--folder', folder)
  expect(status).toBe(1)
  expect(said.split('\n').sort()).toEqual(['missing: timeout.md', 'stale: conflict.md', 'superfluous: no-such-code.md'])
})
