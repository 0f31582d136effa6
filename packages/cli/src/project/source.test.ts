import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ResourceRecord, Source } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support.js'
import { resourceIdFor, slug } from './identity.js'
import { nameOf, parsePath } from './source.js'

describe('PATH', () => {
  it.each([
    ['https://example.com/a/shop.git', { url: 'https://example.com/a/shop.git' }],
    ['https://example.com/a/shop#main', { url: 'https://example.com/a/shop', gitRef: 'main' }],
    ['git@example.com:a/shop.git#v1.2', { url: 'git@example.com:a/shop.git', gitRef: 'v1.2' }],
    ['ssh://git@example.com/shop', { url: 'ssh://git@example.com/shop' }],
    ['file:///srv/shop.git', { url: 'file:///srv/shop.git' }],
    [`file:///srv/shop#${'a'.repeat(40)}`, { url: 'file:///srv/shop', commitSha: 'a'.repeat(40) }],
  ])('%s is a git repository', (path, expected) => {
    const { source, folder } = parsePath(path, '/')
    expect(source).toEqual({ kind: 'git-repository', ...expected })
    expect(folder).toBeNull()
    expect(nameOf(source)).toBe('shop')
  })

  it('takes the ref from --ref, and refuses two', () => {
    expect(parsePath('https://example.com/a.git', '/', 'dev').source).toMatchObject({ gitRef: 'dev' })
    expect(() => parsePath('https://example.com/a.git#main', '/', 'dev')).toThrow(/main.*dev/)
    expect(() => parsePath('https://example.com/a.git#', '/')).toThrow(/#/)
  })

  it('knows archives, by file and by URL', () => {
    const cwd = temporaryFolder()
    for (const name of ['app.zip', 'app.tar.gz', 'app.TGZ', 'notes.txt']) writeFileSync(join(cwd, name), '')
    expect(parsePath('app.tar.gz', cwd).source).toEqual({ kind: 'archive', path: join(cwd, 'app.tar.gz') })
    expect(nameOf(parsePath('app.TGZ', cwd).source)).toBe('app')
    expect(parsePath('https://example.com/app.zip', cwd).source).toMatchObject({ kind: 'archive' })
    expect(() => parsePath('notes.txt', cwd)).toThrow(/neither/)
    expect(() => parsePath('nothing', cwd)).toThrow(/no nothing/)
    expect(() => parsePath('app.zip', cwd, 'main')).toThrow(/--ref/)
  })

  it.each([
    ['docker://nginx', 'nginx', 'nginx'],
    ['nginx:1.27', 'nginx:1.27', 'nginx'],
    ['ghcr.io/acme/web', 'ghcr.io/acme/web', 'web'],
    ['localhost:5000/acme/web:1', 'localhost:5000/acme/web:1', 'web'],
    [`acme/web@sha256:${'a'.repeat(64)}`, `acme/web@sha256:${'a'.repeat(64)}`, 'web'],
  ])('%s is an image', (path, image, name) => {
    const { source, folder } = parsePath(path, temporaryFolder())
    expect([source, folder]).toEqual([{ kind: 'docker-image', image }, null])
    expect(nameOf(source)).toBe(name)
  })

  it('takes no folder that is there, and no slip of the keyboard, for an image', () => {
    const cwd = temporaryFolder()
    mkdirSync(join(cwd, 'nginx:1.27'))
    expect(parsePath('nginx:1.27', cwd).source.kind).toBe('local-folder')
    for (const path of ['nginx', './web:1', 'app/web', 'web.zip', 'compose.yaml', '../a.b/c', 'a:b:c'])
      expect(() => parsePath(path, cwd), path).toThrow(/There is no/)
    expect(() => parsePath('docker://', cwd)).toThrow(/Nothing follows/)
    expect(() => parsePath('docker://nginx', cwd, 'main')).toThrow(/--ref/)
  })

  it('knows Compose files', () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'stack.yml'), '')
    const { source } = parsePath('stack.yml', cwd)
    expect(source).toEqual({ kind: 'compose-file', path: join(cwd, 'stack.yml') })
  })

  it('makes a folder absolute', () => {
    const cwd = temporaryFolder()
    mkdirSync(join(cwd, 'a'))
    expect(parsePath('a/', cwd)).toEqual({
      source: { kind: 'local-folder', path: join(cwd, 'a') },
      folder: join(cwd, 'a'),
    })
  })
})

describe('the id of a resource', () => {
  it.each([
    ['My Site', 'my-site'],
    ['Café №1', 'cafe-no1'],
    ['--', 'app'],
    ['日本', 'app'],
    ['a'.repeat(80), 'a'.repeat(63)],
    ['$(rm -rf .)', 'rm-rf'],
  ])('is made from %s', (name, expected) => expect(slug(name)).toBe(expected))

  it('keeps its suffix once it has one', async () => {
    const records = new Map<string, ResourceRecord>()
    const find = async (id: string) => records.get(id) ?? null
    const source = (path: string): Source => ({ kind: 'local-folder', path })
    const define = (id: string, path: string) =>
      records.set(id, {
        id,
        definition: { id, source: source(path) },
        stateVersion: 1,
        live: {},
        createdAt: '',
        updatedAt: '',
      })
    define(await resourceIdFor(source('/a/web'), find), '/a/web')
    const second = await resourceIdFor(source('/b/web'), find)
    expect(second).toMatch(/^res_web-[0-9a-f]{6}$/)
    define(second, '/b/web')
    records.delete('res_web')
    expect(await resourceIdFor(source('/b/web'), find)).toBe(second)
    expect(await resourceIdFor(source('/a/web'), find)).toBe('res_web')
  })

  it('is the same for every ref of one repository', async () => {
    const git = (gitRef: string): Source => ({ kind: 'git-repository', url: 'https://example.com/web', gitRef })
    const definition = { id: 'res_web', source: git('main') }
    const record = { id: 'res_web', definition, stateVersion: 1, live: {}, createdAt: '', updatedAt: '' }
    expect(await resourceIdFor(git('dev'), async (id) => (id === 'res_web' ? record : null))).toBe('res_web')
  })
})
