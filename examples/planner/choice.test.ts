import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createAppaloft, memoryStore, type Planner, type Preview, type ResourceDefinition } from '@appaloft/core'
import { compose } from '@appaloft/planner-compose'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { fakeTarget } from '@appaloft/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { python } from './index.js'

// A planner that knows the contract alone, beside the five of the SDK.

const folder = mkdtempSync(join(tmpdir(), 'appaloft-choice-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const own = { 'requirements.txt': 'flask\n', Procfile: 'web: flask run --port $PORT\n' }
const containerFile = { Dockerfile: 'FROM python:3-slim\nEXPOSE 5000\nCMD ["flask", "run"]\n' }
const composeFile = { 'compose.yaml': "services: { web: { image: example/web, ports: ['80:5000'] } }\n" }
const script = (fields: object) => ({
  'package.json': JSON.stringify({ name: 'app', scripts: { start: 'node server.js' }, ...fields }),
  'server.js': "require('http').createServer().listen(process.env.PORT)",
})
const everywhere = ['static-site', 'workspace', 'dockerfile', 'compose-project', 'image'] as const

interface Given {
  profiles?: Omit<ResourceDefinition, 'source'>
  containers?: boolean
  planner?: Planner
}

let count = 0
async function plan(files: Record<string, string>, given: Given = {}): Promise<Preview> {
  const { profiles = {}, containers = true, planner = python() } = given
  const path = join(folder, String(count++), 'app')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  const engine = createAppaloft({
    store: memoryStore(),
    targets: [fakeTarget(containers ? { capabilities: { artifactKinds: [...everywhere] } } : {})],
    planners: [node(), staticSite(), dockerfile(), image(), compose(), planner],
    stateDir: join(folder, 'state'),
  })
  const preview = await engine.deployments.plan({ resource: { source: { kind: 'local-folder', path }, ...profiles } })
  await engine.close()
  return preview
}
const of = ({ candidates }: Preview, key: string) => candidates.find(({ planner }) => planner === key)
const codesOf = ({ unsupportedReasons }: Preview) => unsupportedReasons.map(({ code }) => code)

/** It wins, and nothing blocks. */
function won(preview: Preview): void {
  expect(codesOf(preview)).toEqual([])
  expect(preview.planner).toMatchObject({ key: 'python', supportTier: 'generic' })
  expect(of(preview, 'python')?.lostBecause).toBeUndefined()
  expect(preview.artifact).toEqual({ kind: 'workspace', installDirectory: '.', workingDirectory: '.' })
}

/** Another one wins; what it saw stays visible, and why it lost. */
function lostTo(preview: Preview, key: string, because: RegExp): void {
  expect(preview.planner?.key).toBe(key)
  expect(of(preview, 'python')).toMatchObject({
    lostBecause: expect.stringMatching(because),
    evidence: [{ file: 'requirements.txt' }],
  })
}

describe('the planner of another language', () => {
  it('wins where nobody else claims the source', async () => {
    const preview = await plan(own)
    won(preview)
    expect(preview.candidates).toHaveLength(1)
    expect(preview.evidence).toContainEqual(expect.objectContaining({ file: 'Procfile', signal: 'web' }))
  })

  it('wins below the root, found by the search', async () => {
    const preview = await plan(Object.fromEntries(Object.entries(own).map(([name, text]) => [`api/${name}`, text])))
    expect(preview).toMatchObject({ planner: { key: 'python' }, source: { baseDirectory: 'api' } })
  })

  it('wins over Compose, whose evidence stays', async () => {
    const preview = await plan({ ...own, ...composeFile })
    won(preview)
    expect(of(preview, 'compose')).toMatchObject({ lostBecause: expect.stringContaining('outranks compose') })
    expect(of(preview, 'compose')?.evidence.length).toBeGreaterThan(0)
  })

  it('loses to a Dockerfile, but where the target runs no containers', async () => {
    const files = { ...own, ...containerFile }
    lostTo(await plan(files), 'dockerfile', /dockerfile, which outranks generic/)
    const here = await plan(files, { containers: false })
    won(here)
    expect(here.warnings.map(({ code }) => code)).toContain('planner-not-for-target')
    expect(of(here, 'dockerfile')?.lostBecause).toContain('cannot run dockerfile')
  })

  it('loses to a framework', async () => {
    const files = { ...own, ...script({ dependencies: { express: '5' } }) }
    lostTo(await plan(files), 'node', /framework, which outranks generic/)
  })

  it('ties on the same basis, and each way out of that works', async () => {
    const files = { ...own, ...script({}) }
    const tied = await plan(files)
    expect(tied.planner).toBeNull()
    expect(codesOf(tied)).toEqual(['ambiguous-planner'])
    expect(tied.candidates.map(({ planner, lostBecause }) => [planner, lostBecause]).sort()).toEqual([
      ['node', 'no planner won'],
      ['python', 'no planner won'],
    ])
    const ways = tied.unsupportedReasons[0]?.overridePath ?? []
    expect(ways.map(({ example }) => example).sort()).toEqual(['node', 'python'])
    for (const { example } of ways) {
      const preview = await plan(files, { profiles: { runtime: { planner: example! } } })
      expect(codesOf(preview)).toEqual([])
      expect(preview.planner?.key).toBe(example)
    }
  })

  it('ties also where both are asked for', async () => {
    const runtime = { startCommand: 'serve $PORT' }
    const tied = await plan({ ...own, ...script({}) }, { profiles: { runtime } })
    expect(codesOf(tied)).toEqual(['ambiguous-planner'])
    expect(tied.candidates.map(({ basis }) => basis)).toEqual(['explicit', 'explicit'])
  })
})

describe('an explicit field', () => {
  it.each([
    ['Dockerfile', containerFile],
    ['a framework', script({ dependencies: { express: '5' } })],
    ['Compose', composeFile],
  ])('runtime.planner wins over %s', async (_name, others) => {
    const preview = await plan({ ...own, ...others }, { profiles: { runtime: { planner: 'python' } } })
    won(preview)
    for (const { planner, lostBecause } of preview.candidates)
      if (planner !== 'python') expect(lostBecause).toBe('runtime.planner names python')
  })

  it('runtime.startCommand wins over a Dockerfile, runtime.dockerfilePath over a claim that is generic', async () => {
    const files = { ...own, ...containerFile }
    const started = await plan(files, { profiles: { runtime: { startCommand: 'flask run --port $PORT' } } })
    expect(started.planner).toMatchObject({ key: 'python', supportTier: 'explicit-custom' })
    expect(started.commands.start).toEqual({ command: 'flask run --port $PORT', from: 'profile' })
    lostTo(await plan(files, { profiles: { runtime: { dockerfilePath: 'Dockerfile' } } }), 'dockerfile', /explicit/)
  })
})

describe('a planner that throws', () => {
  const broken = (method: 'detect' | 'plan'): Planner => ({
    ...python(),
    [method]: () => Promise.reject(new TypeError('It is broken.')),
  })

  it.each(['detect', 'plan'] as const)('in %s blocks the plan, and another one can be named', async (method) => {
    const files = { ...own, ...script({}) }
    const asked = method === 'plan' ? { runtime: { planner: 'python' } } : {}
    const preview = await plan(files, { planner: broken(method), profiles: asked })
    expect(preview).toMatchObject({ readiness: { status: 'blocked' }, artifact: null })
    expect(codesOf(preview)).toEqual(['planner-failed'])
    expect(preview.unsupportedReasons[0]?.message).toMatch(/^The planner python threw.*: It is broken\.$/)
    expect(preview.unsupportedReasons[0]?.overridePath).toMatchObject([{ example: 'node' }])
    const other = await plan(files, { planner: broken(method), profiles: { runtime: { planner: 'node' } } })
    expect(codesOf(other)).toEqual([])
    expect(other.planner?.key).toBe('node')
  })
})
