import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, envelopesOf, messagesOf, Scene } from '../test/scene.js'
import { PathFilter } from './paths.js'

describe('the filter', () => {
  const filter = new PathFilter({ hidePaths: ['/srv/state', '/app'], sourceRoots: ['/home/ann', '/srv/with space'] })

  it.each([
    ['/srv/state', '<hidden>'],
    ['/srv/state/', '<hidden>/'],
    ['at f (/srv/state/releases/r1/server.js:1:2)', 'at f (<hidden>/releases/r1/server.js:1:2)'],
    ['file:///srv/state/a.js', 'file://<hidden>/a.js'],
    ['PATH=/usr/bin:/home/ann/bin', 'PATH=/usr/bin:<hidden>/bin'],
    ['"/home/ann"', '"<hidden>"'],
    ['line\n/home/ann/x\n/home/ann/y', 'line\n<hidden>/x\n<hidden>/y'],
    ['not found: /home/ann.', 'not found: <hidden>.'],
    ['…/home/ann/x .../home/ann/x', '…<hidden>/x ...<hidden>/x'],
    ['ended./home/ann/x', 'ended.<hidden>/x'],
    ['{"path":"\\/home\\/ann\\/x"}', '{"path":"<hidden>\\/x"}'],
    ['/srv/with space/x, /srv/with%20space/x', '<hidden>/x, <hidden>/x'],
    ['?path=%2Fhome%2Fann%2Fx', '?path=<hidden>%2Fx'],
    [`${tmpdir()}/a ${homedir()}/b ${process.cwd()}/c`, '<hidden>/a <hidden>/b <hidden>/c'],
  ])('%j becomes %j', (text, shown) => expect(filter.text(text)).toBe(shown))

  it.each([
    '/home/anna/x',
    '/srv/statement',
    '/srv/state-2/x',
    './app/server.js',
    '../app/server.js',
    'node dist/app/server.js',
    'https://shop.example.com/app/x',
    'http://127.0.0.1:3000/home/ann',
    '/api/deployments/dep_x',
  ])('%j stays', (text) => expect(filter.text(text)).toBe(text))

  it('goes through objects, arrays and keys, and leaves paths of URLs', () => {
    const value = {
      a: ['/app/x', 1, null, true],
      '/home/ann/k': { b: '/home/ann' },
      health: { path: '/app', command: 'cat /app/x' },
      access: { pathPrefix: '/app' },
      volumes: [{ path: '/app' }],
    }
    expect(filter.json(value)).toEqual({
      a: ['<hidden>/x', 1, null, true],
      '<hidden>/k': { b: '<hidden>' },
      health: { path: '/app', command: 'cat <hidden>/x' },
      access: { pathPrefix: '/app' },
      volumes: [{ path: '<hidden>' }],
    })
    expect(value.a[0]).toBe('/app/x')
  })

  it('learns the paths of definitions, and not without end', () => {
    const learning = new PathFilter({ hidePaths: [], sourceRoots: [] })
    const folder = (path: string) => ({ source: { kind: 'local-folder' as const, path } })
    learning.learn({ ...folder('/opt/shop'), binds: [{ source: '/mnt/data', path: '/data' }] })
    expect(learning.text('/opt/shop/a /mnt/data/b /data')).toBe('<hidden>/a <hidden>/b /data')
    learning.learn({ source: { kind: 'docker-image', image: '/opt/x' } })
    expect(learning.text('/opt/x')).toBe('/opt/x')
    for (let i = 0; i < 300; i++) learning.learn(folder(`/opt/other-${i}`))
    expect(learning.text('/opt/other-299')).toBe('<hidden>')
    expect(learning.text('/opt/shop')).toBe('/opt/shop')
  })

  it('does not take the root of the machine for a path to hide', () => {
    expect(new PathFilter({ hidePaths: ['/'], sourceRoots: ['/'] }).text('/usr /etc/x')).toBe('/usr /etc/x')
  })
})

describe('answers about an application that tells where it lies', () => {
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.make()
  })
  afterEach(() => scene.close())

  it('do not tell it: in no document, event or problem', async () => {
    // Elsewhere than in the folders that are hidden anyway.
    const lies = ['/opt/acme/shop', '/var/lib/acme-state']
    const handler = scene.handle({ authorize: () => ({ allow: true }), hidePaths: lies })
    const words = [...lies, scene.folder].map((one) => `Error:${one}/server.js:10`).join(',')
    const { id, failure } = await scene.deployed(`serve print=${words} exit-after=0 exit-code=3`)
    expect(failure?.lastLogs.join()).toContain('/opt/acme/shop/server.js')
    const paths = [
      ...['', '/events', '/diagnostics', '/recovery'].map((one) => `/api/deployments/${id}${one}`),
      '/api/deployments',
      '/api/resources/res_shop',
    ]
    for (const path of paths) {
      const said = await ask(handler, 'GET', path)
      expect([path, said.status]).toEqual([path, 200])
      for (const one of [...lies, scene.folder, scene.root])
        expect([path, said.text.includes(one)]).toEqual([path, false])
    }
    const shown = await ask(handler, 'GET', `/api/deployments/${id}`)
    expect(shown.json.failure.lastLogs.join()).toContain('Error:<hidden>/server.js:10')
    const lines = await ask(handler, 'GET', `/api/deployments/${id}/events`)
    expect(JSON.stringify(envelopesOf(lines.text))).toContain('Error:<hidden>/server.js:10')
    const events = await ask(handler, 'GET', `/api/deployments/${id}/events`, {
      headers: { accept: 'text/event-stream' },
    })
    expect(events.text).not.toContain('/opt/acme')
    expect(messagesOf(events.text).map((one) => one.envelope)).toEqual(envelopesOf(lines.text))
  })

  it('do not tell the folder of a definition, wherever it lies', async () => {
    const elsewhere = join('/opt', 'nobody-told', 'shop')
    await scene.engine.resources.define(
      scene.definition('serve', { source: { kind: 'local-folder', path: elsewhere } }),
    )
    const resource = await ask(scene.handler, 'GET', '/api/resources/res_shop')
    expect(resource.json.definition.source).toEqual({ kind: 'local-folder', path: '<hidden>' })
    const failing = {
      ...scene.engine,
      deployments: {
        ...scene.engine.deployments,
        plan: () => Promise.reject(Object.assign(new Error(), { code: 'x' })),
      },
    }
    const said = await ask(
      scene.handle({ authorize: () => ({ allow: true }) }, failing),
      'POST',
      '/api/deployments/plan',
      {
        body: { resource: 'res_shop' },
      },
    )
    expect(said.text).not.toContain('nobody-told')
    const plan = await ask(scene.handler, 'POST', '/api/deployments/plan', { body: { resource: 'res_shop' } })
    expect([plan.status, plan.text.includes('nobody-told')]).toEqual([200, false])
  })

  it('do not tell the folder that a caller named', async () => {
    const handler = scene.handle({
      authorize: () => ({ allow: true }),
      allowSources: ['local-folder'],
      sourceRoots: [scene.root],
    })
    for (const verb of ['/plan', '']) {
      const said = await ask(handler, 'POST', `/api/deployments${verb}`, { body: { resource: scene.definition() } })
      expect(said.status).toBeLessThan(300)
      expect(said.text).not.toContain(scene.root)
      if (said.json.id) await scene.ended(said.json.id)
    }
  })
})
