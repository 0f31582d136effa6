import { isBlocked, type PlanDraft, type PlannerContext, type Profiles } from '@appaloft/core/spec'
import { memoryTree } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { staticSite } from './index.js'

const planner = staticSite()
type Given = { runtime?: Profiles['runtime']; network?: Profiles['network']; baseDirectory?: string }

/** `files` are those of the base directory. */
const context = (files: Record<string, string>, given: Given = {}): PlannerContext => ({
  tree: memoryTree(files),
  root: memoryTree({}),
  baseDirectory: given.baseDirectory ?? '.',
  source: { kind: 'local-folder', path: '/site' },
  profiles: {
    runtime: given.runtime ?? {},
    network: given.network ?? {},
    health: undefined,
    access: {},
    environment: {},
    volumes: [],
    binds: [],
  },
  target: null,
  signal: new AbortController().signal,
})

const plan = async (files: Record<string, string>, given: Given = {}) => {
  const at = context(files, given)
  const claim = await planner.detect(at)
  if (claim === null) throw new Error('not claimed')
  return planner.plan(at, claim)
}
const ready = async (files: Record<string, string>, given: Given = {}): Promise<PlanDraft> => {
  const result = await plan(files, given)
  if (isBlocked(result)) throw new Error(result.blocked[0].message)
  return result
}
const codesOf = async (files: Record<string, string>, given: Given = {}): Promise<string[]> => {
  const result = await plan(files, given)
  return isBlocked(result) ? result.blocked.map((one) => one.code) : []
}
const page = '<!doctype html><title>x</title>'

describe('detect', () => {
  it.each([
    ['.', 'index.html'],
    ['public', 'public/index.html'],
    ['dist', 'dist/index.html'],
    ['_site', '_site/index.html'],
  ])('claims %s', async (directory, file) => {
    expect(await planner.detect(context({ [file]: page }))).toMatchObject({
      basis: 'generic',
      supportTier: 'generic',
      artifactKind: 'static-site',
    })
    expect((await ready({ [file]: page })).artifact).toEqual({
      kind: 'static-site',
      publishDirectory: directory,
      spaFallback: false,
    })
  })

  it('takes the root, then the first, and shows the others', async () => {
    const all = await ready({ '_site/index.html': page, 'dist/index.html': page, 'index.html': page })
    expect(all.artifact).toMatchObject({ publishDirectory: '.' })
    expect(all.evidence.map((one) => one.file)).toEqual(['index.html', 'dist/index.html', '_site/index.html'])
    expect(all.evidence[2]?.value).toEqual({ publishDirectory: '_site', taken: false })
    const two = await ready({ '_site/index.html': page, 'dist/index.html': page })
    expect(two.artifact).toMatchObject({ publishDirectory: 'dist' })
  })

  it('leaves applications alone', async () => {
    const foreign: Record<string, string>[] = [{}, { 'readme.md': '' }, { 'index.html': page, 'package.json': '{}' }]
    for (const files of foreign) expect(await planner.detect(context(files))).toBeNull()
    for (const manifest of ['go.mod', 'composer.json', 'requirements.txt']) {
      expect(await planner.detect(context({ 'public/index.html': page, [manifest]: '' }))).toBeNull()
    }
    const site = { 'index.html': page }
    expect(await planner.detect(context(site, { runtime: { startCommand: 'serve' } }))).toBeNull()
    expect(await planner.detect(context(site, { runtime: { planner: 'node' } }))).toBeNull()
    expect(await planner.detect({ ...context(site), source: { kind: 'docker-image', image: 'nginx' } })).toBeNull()
  })

  it('is explicit by profile', async () => {
    const runtime = { publishDirectory: 'www' }
    const files = { 'www/a.txt': '', 'go.mod': '' }
    expect(await planner.detect(context(files, { runtime }))).toMatchObject({ basis: 'explicit' })
    expect(await planner.detect(context({ ...files, 'package.json': '{}' }, { runtime }))).toBeNull()
    const named = context({ 'index.html': page, 'package.json': '{}' }, { runtime: { planner: 'static' } })
    expect(await planner.detect(named)).toMatchObject({ basis: 'explicit' })
  })

  it('tells the user’s commands', async () => {
    const runtime = { publishDirectory: 'out', buildCommand: 'make' }
    expect(await planner.detect(context({}, { runtime }))).toMatchObject({ supportTier: 'explicit-custom' })
  })
})

describe('plan', () => {
  it('serves on port 80, which the profile may change', async () => {
    const site = { 'index.html': page }
    const draft = await ready(site)
    expect(draft.network).toEqual({ internalPort: 80, from: 'planner', honoursPort: true })
    expect(draft.runtime).toEqual({ family: 'static', version: '*' })
    expect(draft.commands).toEqual({})
    expect((await ready(site, { network: { internalPort: 8080 } })).network).toMatchObject({
      internalPort: 8080,
      from: 'profile',
    })
  })

  it('takes commands from the profile', async () => {
    const runtime = {
      ...{ installCommand: ['a'], buildCommand: 'b', packageCommand: 'c', releaseCommand: 'd' },
      publishDirectory: './out/',
    }
    const draft = await ready({ 'index.html': page }, { runtime })
    expect(draft.artifact).toMatchObject({ publishDirectory: 'out' })
    expect(draft.commands).toEqual({
      install: { command: ['a'], from: 'profile' },
      build: { command: 'b', from: 'profile' },
      package: { command: 'c', from: 'profile' },
      release: { command: 'd', from: 'profile' },
    })
  })

  it('needs the directory or a command that writes it', async () => {
    const site = { 'index.html': page }
    for (const publishDirectory of ['none', 'index.html', '../up', '/etc']) {
      expect(await codesOf(site, { runtime: { publishDirectory } })).toEqual(['missing-artifact-output'])
    }
    expect(await codesOf({}, { runtime: { planner: 'static' } })).toEqual(['missing-artifact-output'])
    expect(await codesOf({}, { runtime: { publishDirectory: 'out', buildCommand: 'make' } })).toEqual([])
    expect(await codesOf({}, { runtime: { publishDirectory: '../out', buildCommand: 'make' } })).toHaveLength(1)
  })

  it('refuses a start command', async () => {
    const runtime = { planner: 'static', startCommand: 'serve' }
    expect(await codesOf({ 'index.html': page }, { runtime })).toEqual(['incompatible-source-strategy'])
  })

  it('leaves a Dockerfile that is asked for to its planner', async () => {
    for (const runtime of [{ dockerfilePath: 'Dockerfile' }, { publishDirectory: '.', buildTarget: 'web' }]) {
      expect(await planner.detect(context({ 'index.html': page }, { runtime }))).toBeNull()
      const named = { ...runtime, planner: 'static' }
      expect(await codesOf({ 'index.html': page }, { runtime: named })).toEqual(['incompatible-source-strategy'])
    }
  })

  it('shows paths of the source’s root', async () => {
    const draft = await ready({ 'public/index.html': page }, { baseDirectory: 'apps/web' })
    expect(draft.artifact).toMatchObject({ publishDirectory: 'public' })
    expect(draft.evidence.map((one) => one.file)).toEqual(['apps/web/public/index.html'])
  })
})

describe('rules of other hosts', () => {
  const site = async (files: Record<string, string>) => {
    const { artifact, warnings, evidence } = await ready({ 'public/index.html': page, ...files })
    const spa = artifact.kind === 'static-site' && artifact.spaFallback
    return { spa, files: evidence.slice(1).map((one) => one.file), warnings: warnings.map((one) => one.message) }
  }

  it('falls back by a _redirects line', async () => {
    const answer = await site({ 'public/_redirects': '# spa\r\n  /*   /index.html\t200 # all\r\n' })
    expect(answer).toEqual({ spa: true, files: ['public/_redirects'], warnings: [] })
  })

  it('falls back by a 200.html that is the index', async () => {
    expect(await site({ 'public/200.html': page })).toMatchObject({ spa: true, files: ['public/200.html'] })
    const other = await site({ 'public/200.html': 'other' })
    expect(other.spa).toBe(false)
    expect(other.warnings).toHaveLength(1)
  })

  it.each(['/* /index.html 301', '/app/* /index.html 200', '/* /index.html 200 Country=de', '#/* /index.html 200'])(
    'does not fall back by %s',
    async (line) => expect((await site({ 'public/_redirects': line })).spa).toBe(false),
  )

  it('warns about what is not applied', async () => {
    const answer = await site({
      'public/_redirects': '/a /b 301\n/c /d\n/* /index.html 200\n',
      'public/_headers': '/*\n  X-Frame-Options: DENY\n',
      _redirects: '/elsewhere /x 301',
    })
    expect(answer.spa).toBe(true)
    expect(answer.warnings).toEqual([
      'public/_redirects: 2 redirects are not applied.',
      'public/_headers: 1 header rule is not applied.',
    ])
  })
})

describe('options', () => {
  it('looks elsewhere', async () => {
    const other = staticSite({ publishDirectories: ['www/', 'www'] })
    expect(await other.detect(context({ 'www/index.html': page }))).not.toBeNull()
    expect(await other.detect(context({ 'index.html': page }))).toBeNull()
    expect(() => staticSite({ publishDirectories: ['../x'] })).toThrow(/publishDirectories/)
  })
})
