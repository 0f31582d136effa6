import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ResourceDefinition, SourceKind } from '@appaloft/core/spec'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, Scene } from '../test/scene.js'
import type { HandlerOptions } from './options.js'
import { allowedDefinition } from './sources.js'

let scene: Scene
/** Below a root: `apps/one/app.txt`, and links that lead elsewhere and nowhere. */
let apps: string
let outside: string
beforeEach(async () => {
  scene = await Scene.make()
  apps = join(scene.root, 'apps')
  outside = join(scene.root, 'outside')
  for (const folder of [join(apps, 'one'), outside]) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'app.txt'), 'x')
    await writeFile(join(folder, 'compose.yaml'), 'services: {}')
  }
  await symlink(outside, join(apps, 'leads-out'))
  await symlink(join(apps, 'one'), join(apps, 'leads-in'))
  await symlink(join(scene.root, 'nowhere'), join(apps, 'leads-nowhere'))
  await symlink('loop', join(apps, 'loop'))
  await mkdir(`${apps}-2`)
})
afterEach(() => scene.close())

const every: SourceKind[] = ['local-folder', 'git-repository', 'docker-image', 'compose-file', 'archive']
const send = (
  definition: unknown,
  options: HandlerOptions = { allowSources: every, sourceRoots: [apps] },
  verb = '/plan',
) =>
  ask(scene.handle({ authorize: () => ({ allow: true }), ...options }), 'POST', `/api/deployments${verb}`, {
    body: { resource: definition },
  })

describe('definitions', () => {
  it('are not accepted by default, of whatever kind', async () => {
    const sources: ResourceDefinition['source'][] = [
      { kind: 'local-folder', path: join(apps, 'one') },
      { kind: 'git-repository', url: 'https://git.example.com/a.git' },
      { kind: 'docker-image', image: 'nginx' },
      { kind: 'compose-file', path: join(apps, 'one/compose.yaml') },
      { kind: 'archive', url: 'https://example.com/a.zip' },
    ]
    for (const source of sources)
      for (const verb of ['/plan', '']) {
        const said = await send({ id: 'res_new', source }, {}, verb)
        expect([said.status, said.json.code]).toEqual([400, 'source-not-allowed'])
      }
    expect(await scene.engine.resources.list()).toEqual([])
  })

  it('below a root are deployed, and the engine gets the real path', async () => {
    const definition = { ...scene.definition(), source: { kind: 'local-folder', path: join(apps, 'leads-in') } }
    const said = await send(definition, { allowSources: ['local-folder'], sourceRoots: [apps] }, '')
    expect(said.status).toBe(202)
    expect((await scene.ended(said.json.id)).status).toBe('succeeded')
    expect((await scene.engine.resources.get('res_shop'))?.definition.source).toEqual({
      kind: 'local-folder',
      path: join(apps, 'one'),
    })
  })

  it('a root may be a link itself, and a folder to deploy', async () => {
    await symlink(apps, join(scene.root, 'link'))
    const options: HandlerOptions = { allowSources: ['local-folder'], sourceRoots: [join(scene.root, 'link')] }
    for (const path of [join(scene.root, 'link/one'), join(apps, 'one'), apps])
      expect((await send({ source: { kind: 'local-folder', path } }, options)).status).toBe(200)
  })
})

describe('local paths', () => {
  const bad = () => [
    outside,
    join(apps, 'leads-out'),
    join(apps, 'leads-out/app.txt'),
    `${apps}/../outside`,
    `${apps}/one/../../outside`,
    join(apps, 'leads-nowhere'),
    join(apps, 'loop'),
    join(apps, 'missing'),
    `${apps}-2`,
    '/',
    '/etc',
    '/root',
    '.',
    'one',
    '..',
    '~',
    `file://${apps}/one`,
    `${apps}/${'x'.repeat(5000)}`,
    `${apps}/one/app.txt/x`,
  ]

  it('outside of the roots, or nowhere, are refused in the same words', async () => {
    for (const kind of ['local-folder', 'compose-file', 'archive'] as const) {
      const words = new Set<string>()
      for (const path of bad()) {
        const said = await send({ id: 'res_new', source: { kind, path } })
        expect([path, said.status, said.json.code]).toEqual([path, 400, 'source-not-allowed'])
        words.add(said.text)
      }
      expect(words.size).toBe(1)
    }
  })

  it('with a NUL are no input', async () => {
    const said = await send({ source: { kind: 'local-folder', path: `${apps}/one\0` } })
    expect([said.status, said.json.code]).toEqual([400, 'invalid-input'])
  })

  it('without roots are never accepted', async () => {
    const said = await send({ source: { kind: 'local-folder', path: join(apps, 'one') } }, { allowSources: every })
    expect(said.json.code).toBe('source-not-allowed')
    const gone = { allowSources: every, sourceRoots: [join(scene.root, 'no-such-root')] }
    expect((await send({ source: { kind: 'local-folder', path: join(apps, 'one') } }, gone)).status).toBe(400)
  })
})

describe('what else a definition may hold', () => {
  const settings = () => ({ allowSources: every, sourceRoots: [apps] })
  const check = (definition: Partial<ResourceDefinition>) => {
    const source = { kind: 'docker-image' as const, image: 'nginx' }
    return () => allowedDefinition({ source, ...definition } as ResourceDefinition, settings())
  }
  const git = (url: string) => check({ source: { kind: 'git-repository', url } })
  const refused = expect.objectContaining({ code: 'source-not-allowed' })

  it.each([
    'https://git.example.com/a/b.git',
    'HTTPS://git.example.com/a/b.git',
    'ssh://git@git.example.com/a/b.git',
    'git@git.example.com:a/b.git',
  ])('git from %s', (url) => expect(git(url)()).toMatchObject({ source: { url } }))

  it.each([
    'http://git.example.com/a.git',
    'git://git.example.com/a.git',
    'file:///etc',
    '/etc',
    './a',
    '../a',
    'a',
    'ext::sh -c id',
    'git@host::x',
    ' https://git.example.com/a.git',
    '--upload-pack=x',
    'C:/x',
    'host:path',
    'ftp://git.example.com/a.git',
    'https:/git.example.com/a.git',
  ])('no git from %s', (url) => expect(git(url)).toThrow(refused))

  it.each(['http://example.com/a.zip', 'ftp://example.com/a.zip', 'file:///etc/passwd', '/etc/passwd', 'https:/x'])(
    'no archive from %s',
    (url) => expect(check({ source: { kind: 'archive', url } })).toThrow(refused),
  )

  it('binds never', () => {
    expect(check({ binds: [{ source: join(apps, 'one'), path: '/data' }] })).toThrow(refused)
    expect(check({ binds: [] })()).toMatchObject({ binds: [] })
  })

  it('Compose files below the roots, beside the source or not', () => {
    const compose = (files: string[], path = join(apps, 'one')) =>
      check({ source: { kind: 'compose-file', path, files } })
    expect(compose(['compose.yaml'])()).toMatchObject({ source: { files: [join(apps, 'one/compose.yaml')] } })
    expect(compose(['compose.yaml'], join(apps, 'one/compose.yaml'))()).toMatchObject({
      source: { path: join(apps, 'one/compose.yaml'), files: [join(apps, 'one/compose.yaml')] },
    })
    for (const file of ['../leads-out/compose.yaml', '/etc/hosts', 'missing.yaml', '../../outside/compose.yaml'])
      expect(compose([file])).toThrow(refused)
  })

  it.each([
    { composeFiles: ['../compose.yaml'] },
    { composeFiles: ['a.yaml', '/etc/compose.yaml'] },
    { dockerfilePath: '../../Dockerfile' },
    { dockerfilePath: '/etc/Dockerfile' },
    { publishDirectory: 'a/../../b' },
  ])('no profile that leaves the source: %j', (runtime) => expect(check({ runtime })).toThrow(refused))

  it('profiles inside the source', () => {
    const runtime = {
      composeFiles: ['a/../b.yaml', './c.yaml'],
      dockerfilePath: 'docker/Dockerfile',
      publishDirectory: '.',
    }
    expect(check({ runtime })()).toMatchObject({ runtime })
  })
})
