import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import { AppaloftError, type Diagnostics, type Recovery } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { aDeployment, aHandle, deploymentId, releaseId, temporaryFolder, world } from '../../test/support.js'

const former = 'rel_01k0000000000000000000000b'
const recovery: Recovery = {
  deploymentId,
  resourceId: 'res_web',
  retryable: true,
  redeployable: true,
  rollbackReady: false,
  reasons: [
    { verb: 'cancel', code: 'already-terminal', message: 'The deployment has already ended.' },
    { verb: 'rollback', code: 'nothing-to-roll-back', message: 'There is no former release to roll back to.' },
    { verb: 'retry', code: 'secret-rotated', message: "It had version 1 then; { secrets: 'current' } takes today's." },
  ],
  candidates: [
    { releaseId, deploymentId, createdAt: 'then', promotedAt: 'later', live: true, ready: false, reasons: [] },
    {
      releaseId: former,
      deploymentId,
      createdAt: 'before',
      promotedAt: null,
      live: false,
      ready: false,
      reasons: [{ code: 'secret-unavailable', message: 'Version 1 is no longer kept.' }],
    },
  ],
  recommended: { verb: 'retry', command: `appaloft deployments retry ${deploymentId}`, reason: 'Once more.' },
  stateVersion: 7,
}

describe('deployments recovery', () => {
  it('tells each verb with its command or why not, the candidates, and what is recommended', async () => {
    const w = world({ engine: { deployments: { recovery: async () => recovery } } })
    expect(await w.run('deployments', 'recovery', deploymentId)).toBe(0)
    expect(w.stdout.lines).toEqual([
      `After ${deploymentId} of res_web, in state 7 of the resource:`,
      `  retry     yes  appaloft deployments retry ${deploymentId} --state-version 7`,
      "                 secret-rotated: It had version 1 then; --current-secrets takes today's.",
      '  redeploy  yes  appaloft redeploy res_web --state-version 7',
      '  rollback  no   nothing-to-roll-back: There is no former release to roll back to.',
      '  cancel    no   already-terminal: The deployment has already ended.',
      '  releases that are kept',
      `    ${releaseId}  of ${deploymentId}  later   live`,
      `    ${former}  of ${deploymentId}  before  no    secret-unavailable: Version 1 is no longer kept.`,
      `  recommended: appaloft deployments retry ${deploymentId}  Once more.`,
    ])
  })

  it('is the document itself with --json', async () => {
    const w = world({ engine: { deployments: { recovery: async () => recovery } } })
    expect(await w.run('deployments', 'recovery', deploymentId, '--json')).toBe(0)
    expect(w.documents()).toEqual([recovery])
  })

  it('gives a state version that the verbs take', async () => {
    const store = memoryStore()
    const retry = vi.fn(async () => aHandle(aDeployment()))
    const rollback = vi.fn(async () => aHandle(aDeployment()))
    const redeploy = vi.fn(async () => aHandle(aDeployment()))
    const w = world({ store, engine: { deployments: { retry, rollback }, resources: { redeploy } } })
    const at = '2026-01-01T00:00:00.000Z'
    const definition = { id: 'res_web', source: { kind: 'local-folder' as const, path: '/srv/web' } }
    await store.putResource({ id: 'res_web', definition, live: {}, createdAt: at, updatedAt: at }, null)
    const flag = ['--state-version', '7']
    await w.run('deployments', 'retry', deploymentId, ...flag)
    await w.run('deployments', 'rollback', 'web', ...flag)
    await w.run('redeploy', 'web', ...flag)
    const seven = expect.objectContaining({ stateVersion: 7 })
    expect([retry.mock.calls, rollback.mock.calls, redeploy.mock.calls]).toEqual([
      [[deploymentId, seven]],
      [['res_web', seven]],
      [['res_web', seven]],
    ])
    expect(await w.run('redeploy', 'web', '--state-version', 'new')).toBe(2)
  })
})

describe('deployments diagnostics', () => {
  const document = { schemaVersion: 1, deployment: { id: deploymentId } } as Diagnostics
  const scene = () => {
    const cwd = temporaryFolder()
    return { cwd, w: world({ cwd, engine: { deployments: { diagnostics: async () => document } } }) }
  }

  it('prints it for people, and in one line for programs', async () => {
    const { w } = scene()
    expect(await w.run('deployments', 'diagnostics', deploymentId)).toBe(0)
    expect(w.stdout.text).toBe(`${JSON.stringify(document, null, 2)}\n`)
    const json = scene().w
    await json.run('deployments', 'diagnostics', deploymentId, '--json')
    expect(json.documents()).toEqual([document])
  })

  it('writes a file for this user alone, and replaces none unasked', async () => {
    const { w, cwd } = scene()
    const file = join(cwd, 'ticket.json')
    expect(await w.run('deployments', 'diagnostics', deploymentId, '-o', 'ticket.json', '--json')).toBe(0)
    expect(w.documents()).toEqual([{ kind: 'diagnostics-written', deploymentId, file }])
    expect([JSON.parse(readFileSync(file, 'utf8')), statSync(file).mode & 0o777]).toEqual([document, 0o600])
    writeFileSync(file, 'mine')
    chmodSync(file, 0o644)
    expect(await w.run('deployments', 'diagnostics', deploymentId, '-o', 'ticket.json')).toBe(2)
    expect([w.stderr.text, readFileSync(file, 'utf8')]).toEqual([expect.stringContaining('already-exists'), 'mine'])
    expect(await w.run('deployments', 'diagnostics', deploymentId, '-o', 'ticket.json', '--force')).toBe(0)
    expect([JSON.parse(readFileSync(file, 'utf8')), statSync(file).mode & 0o777]).toEqual([document, 0o600])
  })

  it('follows no link, and says where it cannot write', async () => {
    const { w, cwd } = scene()
    writeFileSync(join(cwd, 'other'), 'mine')
    symlinkSync('other', join(cwd, 'link'))
    expect(await w.run('deployments', 'diagnostics', deploymentId, '-o', 'link')).toBe(2)
    expect(await w.run('deployments', 'diagnostics', deploymentId, '-o', 'link', '--force')).toBe(0)
    expect(readFileSync(join(cwd, 'other'), 'utf8')).toBe('mine')
    expect(await w.run('deployments', 'diagnostics', deploymentId, '-o', 'no/where')).toBe(2)
    expect(w.stderr.text).toContain('cannot be written (ENOENT)')
  })
})

describe('a deployment that is not there', () => {
  const missing = async () => {
    throw new AppaloftError('deployment-not-found')
  }

  it.each([
    ['an id cut short', deploymentId.slice(0, -9), `Did you mean ${deploymentId}?`],
    ['a slip of the keyboard', `${deploymentId.slice(0, -1)}b`, `Did you mean ${deploymentId}?`],
    ['a resource', 'web', `web is a resource; its newest deployment is ${deploymentId}.`],
    ['anything else', 'nonsense', 'appaloft deployments list shows them.'],
  ])('may have been %s', async (_what, given, hint) => {
    const store = memoryStore()
    const at = '2026-01-01T00:00:00.000Z'
    const definition = { id: 'res_web', source: { kind: 'local-folder' as const, path: '/srv/web' } }
    await store.putResource({ id: 'res_web', definition, live: {}, createdAt: at, updatedAt: at }, null)
    vi.spyOn(store, 'listDeployments').mockResolvedValue([{ id: deploymentId } as never])
    const w = world({ store, engine: { deployments: { show: missing } } })
    expect(await w.run('deployments', 'show', given)).toBe(4)
    expect(w.stderr.text).toContain(`There is no deployment ${given}.`)
    expect(w.stderr.text).toContain(hint)
  })
})
