import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import { type DeployRequest, reason } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { aPreview, temporaryFolder, world } from '../../test/support.js'

const folder = (name: string) => {
  const path = join(temporaryFolder(), name)
  mkdirSync(path)
  return path
}
const idOf = (request: DeployRequest | undefined) =>
  typeof request?.resource === 'object' ? request.resource.id : undefined

describe('plan', () => {
  it('shows the plan, and prints it as one JSON line', async () => {
    const plan = async () => aPreview()
    const w = world({ cwd: folder('web'), engine: { deployments: { plan } } })
    expect(await w.run('plan')).toBe(0)
    for (const text of ['Plan for res_web: ready', 'node server.js', 'port 3000', 'build.install', 'scripts.start']) {
      expect(w.stdout.text).toContain(text)
    }
    const json = world({ cwd: folder('web'), engine: { deployments: { plan } } })
    expect(await json.run('plan', '--json')).toBe(0)
    expect(json.documents()).toEqual([JSON.parse(JSON.stringify(aPreview()))])
  })

  it('ends with 3 when it is blocked, with the same keys', async () => {
    const unsupportedReasons = [reason('missing-internal-port', { message: 'no port' })]
    const blocked = aPreview({ readiness: { status: 'blocked' }, artifact: null, network: null, unsupportedReasons })
    const w = world({ cwd: folder('web'), engine: { deployments: { plan: async () => blocked } } })
    expect(await w.run('plan', '--json')).toBe(3)
    expect(Object.keys(w.documents()[0] ?? {})).toEqual(Object.keys(aPreview()))
    const words = world({ cwd: folder('web'), engine: { deployments: { plan: async () => blocked } } })
    expect(await words.run('plan')).toBe(3)
    expect(words.stdout.text).toContain('✖ missing-internal-port  no port')
  })

  it('says what to type, who else claimed the source, and with --files what is written for the build', async () => {
    const seen = { kind: 'file', file: 'Dockerfile', signal: 'Dockerfile' }
    const preview = aPreview({
      readiness: { status: 'blocked' },
      candidates: [
        {
          ...{ planner: 'dockerfile', basis: 'dockerfile', supportTier: 'container-native', evidence: [seen] },
          ...{ reason: 'There is a Dockerfile.', lostBecause: 'The target process cannot run dockerfile.' },
        },
      ],
      generatedFiles: [{ path: 'Dockerfile', content: 'FROM node:22-slim\nCMD ["node"]\n' }],
      unsupportedReasons: [
        reason('missing-internal-port', {
          overridePath: [{ action: 'Set it.', profileField: 'network.internalPort', example: '4000' }],
        }),
        reason('unsupported-access-policy', {
          overridePath: [{ action: 'Set it.', profileField: 'access.redirectTo', example: 'b.example.com' }],
        }),
      ],
    })
    const w = world({ cwd: folder('web'), engine: { deployments: { plan: async () => preview } } })
    expect(await w.run('plan')).toBe(3)
    for (const text of [
      'type: --port 4000',
      'type: appaloft.config.json: { "access": { "redirectTo": "b.example.com" } }',
      'dockerfile (dockerfile): There is a Dockerfile. Not taken: The target process cannot run dockerfile.',
      'seen: Dockerfile (Dockerfile)',
      'Dockerfile, 2 lines; --files shows it',
      '(planner node)',
    ]) {
      expect(w.stdout.text).toContain(text)
    }
    expect(w.stdout.text).not.toContain('FROM node')
    const shown = world({ cwd: folder('web'), engine: { deployments: { plan: async () => preview } } })
    await shown.run('plan', '--files')
    expect(shown.stdout.text).toContain('│ FROM node:22-slim')
  })

  it('asks for no target with --any-target', async () => {
    const plan = vi.fn(async (_request: DeployRequest) => aPreview())
    const w = world({ cwd: folder('web'), engine: { deployments: { plan } } })
    await w.run('plan', '--any-target')
    expect(plan.mock.calls[0]?.[0].target).toBeNull()
  })

  it('asks the store alone whose id is whose, so that nothing is reconciled', async () => {
    const store = memoryStore()
    const cwd = folder('web')
    const other = { id: 'res_web', source: { kind: 'local-folder' as const, path: '/elsewhere/web' } }
    const record = { id: 'res_web', definition: other, live: {}, createdAt: '', updatedAt: '' }
    const plan = vi.fn(async (_request: DeployRequest) => aPreview())
    const w = world({ cwd, store, engine: { deployments: { plan } } })
    await w.run('plan')
    await store.putResource(record, null)
    await w.run('plan')
    await store.removeResource('res_web')
    await w.run('plan')
    const ids = plan.mock.calls.map(([request]) => idOf(request))
    expect(ids[0]).toBe('res_web')
    expect(ids[1]).toMatch(/^res_web-[0-9a-f]{6}$/)
    expect(ids[2]).toBe('res_web')
  })
})
