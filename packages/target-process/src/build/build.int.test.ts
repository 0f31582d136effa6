import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type BuildInput, hasCode, type Plan, type Target } from '@appaloft/core/spec'
import { samplePlan } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { until } from '../../test/machine.js'
import { process as target } from '../index.js'
import { Layout } from '../shared/paths.js'
import { processRow } from '../shared/processes.js'
import { folderNames } from '../shared/records.js'

let folder = ''
let here: Target
let layout: Layout
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-build-'))
  layout = new Layout(join(folder, 'state'))
  here = target({ abortGraceSeconds: 1 })
  await here.open?.({ stateDir: layout.stateDir })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const commands = (build: string | string[]): Partial<Plan> => ({
  artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
  commands: { build: { command: build, from: 'profile' } },
})

function input(plan: Partial<Plan>, overrides: Partial<BuildInput> = {}): BuildInput {
  const source = mkdtempSync(join(folder, 'source-'))
  writeFileSync(join(source, 'index.html'), 'x')
  return {
    resourceId: 'res_web',
    deploymentId: 'dep_a',
    releaseId: 'rel_a',
    token: 1,
    signal: new AbortController().signal,
    log: () => undefined,
    plan: samplePlan(plan),
    sourceDirectory: source,
    environment: {},
    secretNames: [],
    inputsDigest: 'digest',
    noCache: false,
    ...overrides,
  }
}

const builds = () => folderNames(layout.buildsOf('res_web'))
const alive = (pid: number) => !['gone', 'Z'].includes(processRow(pid)?.state ?? 'gone')

it('a failed build leaves no folder behind', async () => {
  await expect(here.build(input(commands('exit 2')))).rejects.toSatisfy((error) => hasCode(error, 'build-failed'))
  expect(builds()).toEqual([])
})

it('an aborted build that ignores SIGTERM ends after the grace, with all it started', async () => {
  const aborting = new AbortController()
  const reason = new Error('no longer wanted')
  const pids: number[] = []
  const stubborn =
    "trap '' TERM; echo $$; (trap '' TERM; sh -c 'echo $$; sleep 60'; sleep 60) & setsid sh -c 'echo $$; sleep 60' & wait; sleep 60"
  const building = here.build(
    input(commands(stubborn), { signal: aborting.signal, log: (line) => pids.push(Number(line.text)) }),
  )
  const ended = expect(building).rejects.toBe(reason)
  await until('three processes', () => (pids.length === 3 ? true : null))
  expect(pids.every(alive)).toBe(true)
  aborting.abort(reason)
  await ended
  expect(pids.filter(alive)).toEqual([])
  expect(builds()).toEqual([])
  expect(folderNames(layout.jobsOf('res_web'))).toEqual([])
})

it('what a build leaves in the background ends with it', async () => {
  const pids: number[] = []
  await here.build(input(commands('sleep 60 & echo $!'), { log: (line) => pids.push(Number(line.text)) }))
  expect(pids).toHaveLength(1)
  expect(pids.filter(alive)).toEqual([])
})

it('a chatty build is not held up, and does not hold up', async () => {
  let lines = 0
  const script =
    "let left = 200; const go = () => { for (; left > 0; left -= 1) if (!process.stdout.write(('x'.repeat(99) + '\\n').repeat(1000))) { left -= 1; return process.stdout.once('drain', go) } }; go()"
  await here.build(
    input(commands(['node', '-e', script]), {
      log: () => {
        lines += 1
      },
    }),
  )
  expect(lines).toBe(200_000)
})

it('commands get argv as it is: no shell reads it', async () => {
  const texts: string[] = []
  const hostile = '$(touch pwned); `touch pwned`'
  await here.build(
    input(commands(['node', '-e', 'console.log(process.argv[1])', hostile]), { log: (line) => texts.push(line.text) }),
  )
  expect(texts).toEqual([hostile])
})

it('links, modes and hidden files of a source come along; what is no file does not', async () => {
  const texts: string[] = []
  const given = input(
    commands([
      'node',
      '-e',
      "console.log(require('fs').readdirSync('.').sort().join()); console.log((require('fs').statSync('tool').mode & 0o777).toString(8)); console.log(require('fs').readlinkSync('link'))",
    ]),
    {
      log: (line) => texts.push(line.text),
    },
  )
  const { symlinkSync } = await import('node:fs')
  const { execFileSync } = await import('node:child_process')
  writeFileSync(join(given.sourceDirectory ?? '', 'tool'), 'x', { mode: 0o555 })
  writeFileSync(join(given.sourceDirectory ?? '', '.npmrc'), '')
  symlinkSync('index.html', join(given.sourceDirectory ?? '', 'link'))
  execFileSync('mkfifo', [join(given.sourceDirectory ?? '', 'pipe')])
  await here.build(given)
  expect(texts).toEqual(['.npmrc,index.html,link,tool', '755', 'index.html'])
})

it('a working directory outside the source is refused', async () => {
  const plan = {
    ...commands('true'),
    artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '../..' } as const,
  }
  await expect(here.build(input(plan))).rejects.toSatisfy((error) => hasCode(error, 'invalid-input'))
})

it('a static site that is a package of a workspace is installed where its plan says', async () => {
  const at = { kind: 'static-site', publishDirectory: 'out', spaFallback: false } as const
  const mark = 'mkdir -p site/out && touch installed'
  const commands = {
    install: { command: mark, from: 'planner' as const },
    build: { command: 'cp ../installed out/index.html', from: 'planner' as const },
  }
  const given = input({ artifact: { ...at, installDirectory: '.' }, commands })
  const source = { ...given.plan.source, baseDirectory: 'site' }
  mkdirSync(join(given.sourceDirectory ?? '', 'site'))
  const { artifact } = await here.build({ ...given, plan: { ...given.plan, source } })
  expect(readdirSync(join(layout.build('res_web', String(artifact.build)), 'site'))).toEqual(['index.html'])
})

it('of a static site only what is served stays, unless a release command needs the rest', async () => {
  const site = { artifact: { kind: 'static-site', publishDirectory: 'out', spaFallback: false } as const }
  const build = { command: 'mkdir out && cp index.html out/', from: 'profile' as const }
  const first = await here.build(input({ ...site, commands: { build } }))
  const at = (artifact: typeof first.artifact) => readdirSync(layout.build('res_web', String(artifact.build))).sort()
  expect(at(first.artifact)).toEqual(['build.json', 'site'])
  const release = { command: 'true', from: 'profile' as const }
  const second = await here.build(input({ ...site, commands: { build, release } }))
  expect(second.cached).toBe(false)
  expect(at(second.artifact)).toEqual(['build.json', 'site', 'tree'])
  expect((await here.build(input({ ...site, commands: { build } }))).cached).toBe(true)
})

it('what a dead engine was building is ended and swept by the next build', async () => {
  const { writeFile, mkdir } = await import('node:fs/promises')
  const dead = { pid: 1, startTime: 'never', bootId: 'x', pidNamespace: 'x' }
  const left = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  const { identify } = await import('../shared/processes.js')
  const leader = identify(left.pid ?? 0)
  const ref = { resourceId: 'res_web', deploymentId: 'dep_dead', releaseId: 'rel_dead' }
  await mkdir(layout.jobsOf('res_web'), { recursive: true })
  await writeFile(join(layout.jobsOf('res_web'), 'x.json'), JSON.stringify({ ref, owner: dead, leader }))
  await mkdir(layout.build('res_web', 'b-dead'), { recursive: true })
  const draft = join(layout.build('res_web', 'b-dead'), 'building.json')
  await writeFile(draft, JSON.stringify({ resourceId: 'res_web', owner: dead }))
  expect(await here.list('res_web')).toEqual([{ ...ref, state: 'running' }])
  await here.build(input(commands('true')))
  expect(alive(leader?.pid ?? process.pid)).toBe(false)
  expect(builds()).not.toContain('b-dead')
  expect(await here.list('res_web')).toEqual([])
})

it.each([
  ['in a folder of ours is ended', true],
  ['elsewhere may be anybody’s, and is left alone', false],
] as const)('a process of a dead engine’s group whose leader is gone: %s', async (_, ours) => {
  const { writeFile, mkdir } = await import('node:fs/promises')
  const { identify } = await import('../shared/processes.js')
  const cwd = ours ? layout.build('res_web', 'b-dead') : folder
  await mkdir(cwd, { recursive: true })
  const leader = spawn('/bin/sh', ['-c', 'trap "" TERM; sleep 60 & echo $!; read _'], { cwd, detached: true })
  const [text] = await once(leader.stdout, 'data')
  const child = Number(String(text))
  const identity = identify(leader.pid ?? 0)
  leader.kill('SIGKILL')
  await once(leader, 'exit')
  try {
    const owner = { pid: 1, startTime: 'never', bootId: 'x', pidNamespace: 'x' }
    const ref = { resourceId: 'res_web', deploymentId: 'dep_dead', releaseId: 'rel_dead' }
    await mkdir(layout.jobsOf('res_web'), { recursive: true })
    await writeFile(join(layout.jobsOf('res_web'), 'x.json'), JSON.stringify({ ref, owner, leader: identity }))
    await here.build(input(commands('true')))
    expect(alive(child)).toBe(!ours)
  } finally {
    if (alive(child)) process.kill(child, 'SIGKILL')
  }
})

it('an install that finds the lockfile out of step says so', async () => {
  const install = { command: 'npm ci --offline --no-audit --no-fund', from: 'planner' as const }
  const plan = { ...commands('true'), commands: { install } }
  const given = (dependencies: object) => {
    const made = input(plan, { inputsDigest: JSON.stringify(dependencies) })
    const write = (name: string, value: object) =>
      writeFileSync(join(made.sourceDirectory ?? '', name), JSON.stringify({ name: 'app', version: '1.0.0', ...value }))
    write('package.json', { dependencies })
    mkdirSync(join(made.sourceDirectory ?? '', 'inner'))
    write('inner/package.json', { name: 'inner' })
    write('package-lock.json', { lockfileVersion: 3, packages: { '': { name: 'app', version: '1.0.0' } } })
    return made
  }
  expect((await here.build(given({}))).cached).toBe(false)
  const error = await here.build(given({ inner: 'file:inner' })).catch((reason: unknown) => reason)
  expect(hasCode(error, 'lockfile-out-of-step') && error.details).toMatchObject({ exitCode: 1 })
})
