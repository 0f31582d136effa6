import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { haveEngine, removeScope, testEngine, testScope, withoutEngine } from '../../test/engine.js'
import { label } from '../names.js'
import { type CaddyContainer, caddyContainer } from './container.js'

describe.skipIf(!haveEngine)(`Caddy as a container ${haveEngine ? '' : withoutEngine}`, () => {
  let stateDir = ''
  let scope = ''
  let one: CaddyContainer
  const opened: CaddyContainer[] = []
  const open = () => {
    const made = caddyContainer({ stateDir, scope })
    opened.push(made)
    return made
  }
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'appaloft-box-'))
    scope = testScope()
    one = open()
  })
  afterEach(async () => {
    for (const made of opened.splice(0)) await made.close()
    await removeScope(scope)
    await rm(stateDir, { recursive: true, force: true })
  })

  const config = (extra: Record<string, unknown> = {}) => ({ admin: { listen: one.proxy.admin }, ...extra })
  const start = (made = one, extra?: Record<string, unknown>) => made.proxy.start({ config: config(extra) })
  const admin = (path = '/config/') =>
    new Promise<number>((done, fail) => {
      const socketPath = one.proxy.admin.replace('unix/', '')
      http
        .get({ socketPath, path, headers: { host: '' }, setHost: false, agent: false }, (answer) => {
          answer.resume()
          done(answer.statusCode ?? 0)
        })
        .on('error', fail)
    })
  const ours = async () => {
    const engine = await testEngine()
    const found = await engine.containers([`${label.scope}=${scope}`])
    engine.client.close()
    return found.map(({ Id: id, State: state, Names: [name = ''] }) => ({ id, state, name: name.slice(1) }))
  }
  const call = async (method: 'POST' | 'DELETE', path: string, body?: object) => {
    const engine = await testEngine()
    await engine.client.text(path, { method, ...(body && { body }) })
    engine.client.close()
  }

  it('is started once, by whomever, and found again', async () => {
    expect(await one.probe()).toMatchObject({
      ok: true,
      checks: [{ message: expect.stringContaining('at first use') }],
    })
    expect(await one.remove()).toBe(false)
    await Promise.all([start(), start(open()), start(open())])
    expect(await admin()).toBe(200)
    const [first, ...more] = await ours()
    expect({ state: first?.state, more }).toEqual({ state: 'running', more: [] })
    await start(open())
    expect(await ours()).toEqual([first])
    expect(await open().probe()).toMatchObject({ ok: true, checks: [{ id: 'container', status: 'passed' }] })
    // The socket is for this user alone, by the folder that it is in.
    expect(statSync(join(stateDir, 'docker/run')).mode & 0o777).toBe(0o700)
    expect(await one.remove()).toBe(true)
    expect(await one.remove()).toBe(false)
    expect(await ours()).toEqual([])
    await expect(admin()).rejects.toThrow()
  })

  it('comes back after a crash, and when it was stopped or removed by hand', async () => {
    await start()
    const [first] = await ours()
    const engine = await testEngine()
    const { Pid: pid } = (await engine.container(first!.id))!.State
    engine.client.close()
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => admin().catch(() => 0), { timeout: 20_000 }).toBe(200)
    expect((await ours())[0]?.id).toBe(first?.id)
    await call('POST', `/containers/${first!.id}/stop?t=5`)
    expect(await one.probe()).toMatchObject({ ok: false, checks: [{ message: expect.stringContaining('exited') }] })
    await start()
    expect(await admin()).toBe(200)
    expect((await ours())[0]?.id).toBe(first?.id)
    await call('DELETE', `/containers/${first!.id}?force=true`)
    await start()
    expect(await admin()).toBe(200)
    expect((await ours())[0]?.id).not.toBe(first?.id)
  })

  it('touches no container of somebody else, whatever its name', async () => {
    await start()
    const [{ name, id } = { name: '', id: '' }] = await ours()
    await one.remove()
    await call('POST', `/containers/create?name=${name}`, { Image: 'busybox:stable', Cmd: ['sleep', '60'] })
    try {
      await expect(start()).rejects.toMatchObject({
        code: 'runtime-backend-unavailable',
        message: expect.stringContaining('not ours'),
        recoveryHint: expect.stringContaining(name),
      })
      expect(await one.remove()).toBe(false)
      const engine = await testEngine()
      expect((await engine.container(name))?.State.Status).toBe('created')
      engine.client.close()
      expect(id).not.toBe('')
    } finally {
      await call('DELETE', `/containers/${name}?force=true`)
    }
  })

  it('says why it ended', async () => {
    const nowhere = { admin: { listen: 'unix//no/such/folder/admin.sock' } }
    await expect(start(one, nowhere)).rejects.toMatchObject({
      code: 'runtime-backend-unavailable',
      message: expect.stringContaining('/no/such/folder/admin.sock'),
    })
    expect(JSON.parse(readFileSync(join(stateDir, 'docker/run/caddy.json'), 'utf8'))).toEqual(nowhere)
    // Mended, it starts.
    await start()
    expect(await admin()).toBe(200)
  })
})
