import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import type { Basis, Planner, ResourceDefinition } from '@appaloft/core/spec'
import { fakeTarget } from '@appaloft/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { compose } from './index.js'

const web = "services:\n  web:\n    image: example/web\n    ports: ['8080:3000']\n"

/** A planner of somebody else, for a file of its own. */
const other = (basis: Basis): Planner => ({
  specVersion: 1,
  key: 'other',
  async detect({ tree }) {
    if (!(await tree.has('other.txt'))) return null
    return { basis, supportTier: 'generic', reason: 'other.txt', evidence: [], artifactKind: 'workspace' }
  },
  async plan() {
    return {
      artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
      commands: { start: { command: ['run'], from: 'planner' } },
      network: { internalPort: 80, from: 'planner', honoursPort: true },
      evidence: [],
      warnings: [],
    }
  },
})

async function preview(
  files: Record<string, string>,
  definition: Partial<ResourceDefinition> = {},
  { basis = 'generic', target = null }: { basis?: Basis; target?: 'fake' | null } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-compose-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'source', path)), { recursive: true })
    writeFileSync(join(folder, 'source', path), text)
  }
  const engine = createAppaloft({
    store: memoryStore(),
    targets: [fakeTarget()],
    planners: [other(basis), compose()],
    stateDir: join(folder, 'state'),
  })
  const { source = { kind: 'local-folder', path: '' }, ...rest } = definition
  const located = 'path' in source ? { ...source, path: join(folder, 'source', source.path ?? '') } : source
  const resource = { id: 'res_shop', source: located, ...rest } as ResourceDefinition
  const planned = await engine.deployments.plan({ resource, target })
  await engine.close()
  return { ...planned, codes: planned.unsupportedReasons.map((one) => one.code) }
}

describe('a Compose claim, beside another', () => {
  const both = { 'compose.yaml': web, 'other.txt': '' }

  it('wins where it is the only one', async () => {
    expect(await preview({ 'compose.yaml': web })).toMatchObject({
      readiness: { status: 'ready' },
      planner: { key: 'compose', supportTier: 'container-native' },
      network: { internalPort: 3000, targetServiceName: 'web' },
    })
  })

  it('loses against every other basis, and stays visible', async () => {
    const { planner, candidates } = await preview(both)
    expect(planner?.key).toBe('other')
    expect(candidates.find((one) => one.planner === 'compose')?.lostBecause).toBe(
      'other rests on generic, which outranks compose',
    )
  })

  it('wins by the profile and by the kind of the source', async () => {
    expect((await preview(both, { runtime: { planner: 'compose' } })).planner?.key).toBe('compose')
    expect((await preview(both, { runtime: { composeFiles: ['compose.yaml'] } })).planner?.key).toBe('compose')
    const file = { kind: 'compose-file', path: 'compose.yaml' } as const
    expect((await preview(both, { source: file })).planner?.key).toBe('compose')
  })

  it('ties with another that the profile asks for', async () => {
    const tied = await preview(both, { runtime: { composeFiles: ['compose.yaml'] } }, { basis: 'explicit' })
    expect(tied.codes).toEqual(['ambiguous-planner'])
    const repaired = tied.unsupportedReasons[0]?.overridePath.map((one) => one.example)
    expect(repaired).toEqual(['other', 'compose'])
  })

  it('is set aside where the target runs no Compose projects', async () => {
    const aside = await preview({ 'compose.yaml': web }, {}, { target: 'fake' })
    expect(aside.codes).toEqual(['unsupported-runtime-target'])
    expect(aside.warnings.map((one) => one.code)).toContain('planner-not-for-target')
    const asked = await preview({ 'compose.yaml': web }, { runtime: { planner: 'compose' } }, { target: 'fake' })
    expect(asked.codes).toEqual(['unsupported-runtime-target'])
  })

  it('of a file that only holds services for development does not hide what lies below', async () => {
    const files = { 'docker-compose.yml': 'services: { db: { image: postgres } }', 'app/other.txt': '' }
    expect(await preview(files)).toMatchObject({ planner: { key: 'other' }, source: { baseDirectory: 'app' } })
  })
})

describe('a plan', () => {
  it('has another fingerprint when a file that takes part changes', async () => {
    const files = {
      'compose.yaml': `include: [data.yaml]\n${web}`,
      'data.yaml': 'services: { db: { image: postgres:16 } }',
    }
    const [one, same, other] = [
      await preview(files),
      await preview(files),
      await preview({ ...files, 'data.yaml': 'services: { db: { image: postgres:17 } }' }),
    ]
    expect(same.fingerprint).toBe(one.fingerprint)
    expect(other.fingerprint).not.toBe(one.fingerprint)
  })

  it('is found in a folder above which files are shared', async () => {
    const files = {
      'apps/shop/compose.yaml':
        "services:\n  web:\n    extends: { file: ../base.yaml, service: base }\n    ports: ['80']\n",
      'apps/base.yaml': 'services:\n  base:\n    build: ./web\n',
      'apps/web/Dockerfile': 'FROM scratch\n',
    }
    expect(await preview(files)).toMatchObject({
      source: { baseDirectory: 'apps/shop' },
      artifact: { composeFiles: ['apps/shop/compose.yaml'] },
    })
  })
})
