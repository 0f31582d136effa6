import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Proxy } from '@appaloft/core/spec'
import { describe, expect, it, onTestFinished } from 'vitest'
import { probeCaddy } from './probe.js'
import { caddy } from './proxy.js'

const functionsOf = (proxy: Proxy) =>
  Object.entries(proxy)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name)
    .sort()

describe('a Caddy that does not run', () => {
  it('is not started to say that nothing is there, also where a mark is', async () => {
    const root = await mkdtemp(join(tmpdir(), 'appaloft-idle-'))
    onTestFinished(() => rm(root, { recursive: true, force: true }))
    let started = 0
    const start = async () => {
      started += 1
    }
    const proxy = caddy({ admin: 'unix//nowhere/admin.sock', root, start })
    await proxy.fence('res_a', 1, { expected: 0, owner: 'dep_a' })
    expect(await proxy.observe('res_a')).toEqual({ table: null, token: 1, inFlight: [] })
    expect(started).toBe(0)
  })
})

describe('a proxy whose places only the machine can tell', () => {
  const late = (root: () => Promise<string>, more = {}) => caddy({ admin: 'unix//nowhere/admin.sock', root, ...more })

  it('is like the others, and asks once, when it is needed', async () => {
    let asked = 0
    const root = async () => {
      asked += 1
      return '/nowhere/live'
    }
    const proxy = late(root, { key: 'there', tls: 'off' })
    const other = caddy({ tls: 'off' })
    expect(functionsOf(proxy)).toEqual(functionsOf(other))
    expect(proxy).toMatchObject({ specVersion: 1, key: 'there', capabilities: other.capabilities })
    await proxy.open?.({ stateDir: '/nowhere' })
    expect(asked).toBe(0)
    expect(await proxy.mark('res_a')).toBe(0)
    expect(await proxy.observe('res_a')).toMatchObject({ table: null })
    expect(asked).toBe(1)
  })

  it('asks again where the machine did not answer', async () => {
    let fails = true
    const proxy = late(async () => {
      if (fails) throw new Error('not now')
      return '/nowhere/live'
    })
    await expect(proxy.mark('res_a')).rejects.toThrow('not now')
    fails = false
    expect(await proxy.mark('res_a')).toBe(0)
  })

  it('says at once what is wrong with the rest', async () => {
    const root = async () => '/nowhere'
    expect(() => late(root, { http: 'nowhere' })).toThrow(/option http/)
    await expect(late(async () => 'not/absolute').mark('res_a')).rejects.toMatchObject({ code: 'invalid-composition' })
    const { ok, checks } = await probeCaddy({ admin: async () => 'unix//nowhere/admin.sock', root })
    expect({ ok, checks }).toMatchObject({ ok: false, checks: [{ id: 'admin', status: 'failed' }] })
  })
})
