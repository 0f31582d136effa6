import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { AppaloftError, BuildInput, Plan, Target } from '@appaloft/core/spec'
import { samplePlan } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { process as target } from '../index.js'
import { Layout } from '../shared/paths.js'
import { managerOf, withManager } from './package-manager.js'

// A machine of the tests' own: all that its PATH holds is one folder.

let folder = ''
let here: Target
let layout: Layout
const bin = () => join(folder, 'bin')
const program = (name: string, text: string) =>
  writeFileSync(join(bin(), name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
const asked = () =>
  existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n') : []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-managers-'))
  mkdirSync(bin())
  for (const name of ['mkdir', 'chmod', 'cat']) symlinkSync(join('/bin', name), join(bin(), name))
  // `npm install --prefix FOLDER … SPEC` puts a program there that says its specification.
  program(
    'npm',
    `for spec in "$@"; do :; done
echo "$spec" >> ${folder}/asked
mkdir -p "$3/node_modules/.bin"
for name in pnpm yarn; do
  printf '#!/bin/sh\\necho "$0 of %s: $*"\\n' "$spec" > "$3/node_modules/.bin/$name"
  chmod 755 "$3/node_modules/.bin/$name"
done`,
  )
  vi.stubEnv('PATH', bin())
  layout = new Layout(join(folder, 'state'))
  here = target()
  await here.open?.({ stateDir: layout.stateDir })
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

type Name = 'pnpm' | 'yarn' | 'yarn-berry' | 'bun'
const planOf = (name: Name, version: string | undefined, command: string | string[]): Plan =>
  samplePlan({
    artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
    runtime: { family: 'node', version: '*', packageManager: { name, ...(version ? { version } : {}) } },
    commands: { install: { command, from: 'planner' }, start: { command: ['node', 'server.js'], from: 'planner' } },
  })

async function build(plan: Plan, deploymentId = 'dep_a'): Promise<string[]> {
  const lines: string[] = []
  const source = mkdtempSync(join(folder, 'source-'))
  const input: BuildInput = {
    resourceId: 'res_web',
    deploymentId,
    releaseId: 'rel_a',
    token: 1,
    signal: new AbortController().signal,
    log: (line) => lines.push(line.text),
    plan,
    sourceDirectory: source,
    environment: {},
    secretNames: [],
    inputsDigest: deploymentId,
    noCache: false,
  }
  await here.build(input)
  return lines
}

it('what the machine lacks is fetched once for a version, said, and found by builds and releases', async () => {
  const plan = planOf('pnpm', '10.20.0', ['pnpm', 'install', '--frozen-lockfile'])
  const lines = await build(plan)
  expect(lines[0]).toBe('pnpm is not on this machine: pnpm@10.20.0 is fetched for this build')
  expect(lines.at(-1)).toMatch(/pnpm of pnpm@10\.20\.0: install --frozen-lockfile$/)
  await build(plan, 'dep_b')
  expect(asked()).toEqual(['pnpm@10.20.0'])
  expect(withManager(layout, plan, { PATH: '/x' }).PATH).toMatch(/tools\/pnpm%4010\.20\.0\/node_modules\/\.bin:\/x$/)
})

it('what the machine has is used as it is', async () => {
  program('pnpm', 'echo "the own one: $*"')
  expect(await build(planOf('pnpm', '10.20.0', 'pnpm install'))).toEqual(['the own one: install'])
  expect(asked()).toEqual([])
})

it.each([
  ['1.22.22', 'yarn of @yarnpkg/cli-dist@4.9.2: install'],
  ['4.1.0', 'the own one: install'],
])('a yarn %s of the machine, where a later line is asked for', async (version, said) => {
  program('yarn', `[ "$1" = --version ] && echo ${version} || echo "the own one: $*"`)
  const lines = await build(planOf('yarn-berry', '4.9.2', ['yarn', 'install']))
  expect(lines.at(-1)).toContain(said)
})

it.each([
  ['refuses', 'echo "npm error code ENOTFOUND"; exit 1', ['npm error code ENOTFOUND']],
  ['is not there', undefined, []],
])('npm %s: the error says what to install', async (_, text, lastLogs) => {
  if (text === undefined) rmSync(join(bin(), 'npm'))
  else program('npm', text)
  const error = (await build(planOf('pnpm', undefined, 'pnpm install')).catch((one: unknown) => one)) as AppaloftError
  expect(error).toMatchObject({ code: 'command-not-found', details: { command: 'pnpm', lastLogs } })
  expect(error.recoveryHint).toBe('Install it for the user who deploys: npm install --global pnpm@10')
  expect(existsSync(join(layout.tools, 'pnpm%4010'))).toBe(false)
})

it('only what the commands call is fetched, and never from an address', () => {
  expect(managerOf(planOf('pnpm', '9.0.0', ['npm', 'ci']))).toBeNull()
  expect(managerOf(planOf('pnpm', '9.0.0', 'cd web && pnpm i'))?.spec).toBe('pnpm@9.0.0')
  expect(managerOf(planOf('bun', undefined, ['bun', 'install']))?.spec).toBe('bun@1')
  for (const version of ['https://example.com/x.tgz', 'file:../x', 'npm:other@1', 'a/b'])
    expect(managerOf(planOf('pnpm', version, 'pnpm i'))?.spec).toBe('pnpm@10')
  expect(process.env.PATH).toBe(bin())
})
