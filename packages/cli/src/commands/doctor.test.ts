import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import type { Target } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { temporaryFolder, world } from '../../test/support.js'
import { checkNode } from '../doctor/machine.js'
import { checkSecretKey, checkStateFolder } from '../doctor/state.js'

const nothing = { ended: [], removed: [], routed: [], problems: [] }
const target = (check: { id: string; status: 'passed' | 'failed'; message: string; fix?: string }) =>
  ({ key: 'process', probe: async () => ({ ok: true, checks: [check] }) }) as unknown as Target
const path = { PATH: process.env.PATH ?? '' }

describe('doctor', () => {
  it('is content with a sound machine', async () => {
    const targets = [target({ id: 'keeper', status: 'passed', message: 'answers' })]
    const w = world({ env: path, engine: { reconcile: async () => nothing }, targets })
    expect(await w.run('doctor', '--json')).toBe(0)
    const [report] = w.documents() as { ok: boolean; checks: { id: string; status: string }[] }[]
    expect(report?.ok).toBe(true)
    expect(report?.checks.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'node',
        'git',
        'npm',
        'state-folder',
        'store',
        'secret-key',
        'process.keeper',
        'records',
      ]),
    )
  })

  it('ends with 1 when something failed, with its fix', async () => {
    const targets = [target({ id: 'keeper', status: 'failed', message: 'does not answer', fix: 'start it' })]
    const w = world({ env: path, engine: { reconcile: async () => nothing }, targets })
    expect(await w.run('doctor')).toBe(1)
    expect(w.stdout.text).toMatch(/✖ process.keeper +does not answer\n +fix: start it/)
  })

  it('warns of tools that are missing', async () => {
    const w = world({ env: { PATH: '/nowhere' }, engine: { reconcile: async () => nothing } })
    expect(await w.run('doctor')).toBe(0)
    expect(w.stdout.text).toContain('⚠ git')
  })

  it('reports a store that cannot be read and records that cannot be put right', async () => {
    const store = memoryStore()
    store.listResources = async () => {
      throw new Error('the file is damaged')
    }
    const problems = [{ resourceId: 'res_web', code: 'runtime-backend-unavailable', message: 'no' }]
    const w = world({ env: path, store, engine: { reconcile: async () => ({ ...nothing, problems }) } })
    expect(await w.run('doctor')).toBe(1)
    expect(w.stdout.text).toContain('the file is damaged')
    expect(w.stdout.text).toContain('records.res_web')
    expect(w.stdout.text).toContain('then retry. Then run appaloft reconcile.')
  })

  it.each([
    ['18.20.0', 'failed'],
    ['20.18.1', 'failed'],
    ['20.19.0', 'passed'],
    ['24.0.0', 'passed'],
  ])('judges Node %s: %s', (version, expected) => expect(checkNode(version).status).toBe(expected))

  it('judges the state folder', async () => {
    const folder = temporaryFolder()
    const statusOf = async (path: string) => (await checkStateFolder(path))[0]?.status
    expect(await statusOf(join(folder, 'not/yet'))).toBe('passed')
    writeFileSync(join(folder, 'file'), '')
    expect(await statusOf(join(folder, 'file'))).toBe('failed')
    mkdirSync(join(folder, 'open'))
    chmodSync(join(folder, 'open'), 0o777)
    expect(await statusOf(join(folder, 'open'))).toBe('warning')
  })

  it('judges the key of the secrets', async () => {
    const folder = temporaryFolder()
    const store = memoryStore()
    const statusOf = async (env = {}) => (await checkSecretKey(folder, store, env)).status
    expect(await statusOf()).toBe('passed')
    const definition = { id: 'res_a', source: { kind: 'local-folder' as const, path: '/a' } }
    await store.putResource({ id: 'res_a', definition, live: {}, createdAt: '', updatedAt: '' }, null)
    await store.putSealed({ resourceId: 'res_a', name: 'T', version: 1, sealed: 'x', digest: 'd' })
    expect(await statusOf()).toBe('failed')
    expect(await statusOf({ APPALOFT_SECRET_KEY: 'k' })).toBe('passed')
    writeFileSync(join(folder, 'secret.key'), 'key', { mode: 0o644 })
    expect(await statusOf()).toBe('warning')
    chmodSync(join(folder, 'secret.key'), 0o600)
    expect(await statusOf()).toBe('passed')
  })
})
