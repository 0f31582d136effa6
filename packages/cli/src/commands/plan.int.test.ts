import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { previewSchema } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { writeHtml, writeServer } from '../../test/apps.js'
import { program } from '../../test/program.js'

const cli = program()

const storeFiles = () => readdirSync(cli.stateDir()).filter((name) => name.startsWith('appaloft.db'))
// The -shm file is SQLite's index of readers, which every reader of the store marks: no part of what is stored.
const digests = () =>
  storeFiles()
    .filter((name) => !name.endsWith('-shm'))
    .map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(cli.stateDir(), name)))
        .digest('hex'),
    ])

describe('plan --json', () => {
  it('has the same keys for a ready and a blocked source, and creates nothing', async () => {
    const ready = await cli.run(['plan', writeServer(cli.folder('ready')), '--json'])
    expect(ready.code, ready.stderr).toBe(0)
    const blocked = cli.folder('blocked')
    writeFileSync(join(blocked, 'package.json'), '{ "name": "blocked", "dependencies": { "left-pad": "1.3.0" } }')
    const refused = await cli.run(['plan', blocked, '--json'])
    expect(refused.code, refused.stderr).toBe(3)

    const [good] = ready.documents()
    const [bad] = refused.documents()
    const optional = ['framework', 'runtime']
    const keys = (document = {}) =>
      Object.keys(document)
        .filter((key) => !optional.includes(key))
        .sort()
    expect(keys(bad)).toEqual(keys(good))
    expect(previewSchema.parse(good).readiness.status).not.toBe('blocked')
    expect(previewSchema.parse(bad).unsupportedReasons.length).toBeGreaterThan(0)
    expect(existsSync(join(cli.stateDir(), 'appaloft.db'))).toBe(false)
  })

  it('leaves the store file as it was, byte by byte', async () => {
    const folder = writeHtml(cli.folder('site'))
    const up = await cli.run(['up', folder, '-q'])
    expect(up.code, up.stderr).toBe(0)
    const before = digests()
    expect(before.length).toBeGreaterThan(0)
    for (const flags of [[], ['--any-target'], ['--hostname', 'a.example.com']]) {
      const planned = await cli.run(['plan', folder, '--json', ...flags])
      expect(planned.code, planned.stderr).toBe(0)
    }
    expect(digests()).toEqual(before)
    const events = await cli.run(['deployments', 'list', '--json'])
    expect(events.documents()).toHaveLength(1)
  })

  it('gives a fingerprint that up accepts, until the source changes', async () => {
    const folder = writeHtml(cli.folder('site'))
    const fingerprint = (await cli.run(['plan', folder, '--json'])).documents()[0]?.fingerprint as string
    expect((await cli.run(['up', folder, '--fingerprint', fingerprint])).code).toBe(0)
    writeHtml(folder, 'changed')
    const stale = await cli.run(['up', folder, '--fingerprint', fingerprint, '--json'])
    expect(stale.code).toBe(1)
    expect(stale.documents().at(-1)).toMatchObject({ deployment: { failure: { code: 'plan-stale' } } })
  })
})

describe('plan of a Compose project', () => {
  const project = `services:
  web:
    image: example/web
    ports: ['8080:3000']
  db:
    image: postgres:16
`

  it('is set aside on this machine, and shown with --any-target', async () => {
    const folder = cli.folder('shop')
    writeFileSync(join(folder, 'compose.yaml'), project)
    const here = await cli.run(['plan', folder, '--json'])
    expect(here.code, here.stderr).toBe(3)
    const blocked = previewSchema.parse(here.documents()[0])
    expect(blocked.warnings.map((one) => one.code)).toContain('planner-not-for-target')
    expect(blocked.unsupportedReasons.map((one) => one.code)).toEqual(['unsupported-runtime-target'])
    expect(blocked.candidates).toMatchObject([{ planner: 'compose', basis: 'compose' }])

    const anywhere = await cli.run(['plan', folder, '--any-target', '--json'])
    expect(anywhere.code, anywhere.stderr).toBe(0)
    const preview = previewSchema.parse(anywhere.documents()[0])
    expect(preview).toMatchObject({
      planner: { key: 'compose', supportTier: 'container-native' },
      artifact: {
        kind: 'compose-project',
        composeFiles: ['compose.yaml'],
        services: ['web', 'db'],
        targetServiceName: 'web',
      },
      network: { internalPort: 3000, from: 'planner', targetServiceName: 'web' },
    })
    expect(preview.warnings.map((one) => one.code)).toContain('compose-in-place-change')
    const words = await cli.run(['plan', folder, '--any-target'])
    expect(words.stdout).toContain('compose-project of web, db')
  })

  it('leaves an application beside it, or below it, to its own planner', async () => {
    const beside = writeServer(cli.folder('beside'))
    writeFileSync(join(beside, 'docker-compose.yml'), project)
    const shop = cli.folder('below')
    writeFileSync(join(shop, 'compose.yaml'), 'services: { db: { image: postgres } }')
    writeServer(cli.folder('below/app'))
    for (const flags of [[], ['--any-target']]) {
      const one = await cli.run(['plan', beside, '--json', ...flags])
      expect(one.code, one.stderr).toBe(0)
      const preview = previewSchema.parse(one.documents()[0])
      expect(preview.planner?.key).toBe('node')
      expect(preview.candidates.find(({ planner }) => planner === 'compose')?.lostBecause).toBeTruthy()
      const other = await cli.run(['plan', shop, '--json', ...flags])
      expect(other.code, other.stderr).toBe(0)
      expect(previewSchema.parse(other.documents()[0])).toMatchObject({
        planner: { key: 'node' },
        source: { baseDirectory: 'app' },
      })
    }
  })
})
