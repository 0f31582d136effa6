import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import { compose } from '@appaloft/planner-compose'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { keptProxy, shutdown } from '@appaloft/target-process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shop, writeProject } from '../../test/compose-project.js'
import { type Program, programs } from '../../test/programs.js'

// The process that deploys a Compose project is killed, and another takes over.

const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
const base = `node:${process.versions.node.split('.')[0]}-slim`
const scope = `test-${randomBytes(5).toString('hex')}`
const secret = `db-${randomBytes(8).toString('hex')}`
const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const lines = (...args: string[]) =>
  run(...args)
    .split('\n')
    .filter(Boolean)
    .sort()
const label = ['--filter', `label=appaloft.scope=${scope}`]
const containers = () => lines('ps', '--all', ...label, '--format', '{{.ID}} {{.State}} {{.Label "appaloft.service"}}')
const networks = () => lines('network', 'ls', ...label, '--format', '{{.ID}}')

let folder = ''
let all: Awaited<ReturnType<typeof programs>>
const composed = () =>
  createAppaloft({
    store: sqlite({ path: join(folder, 'state/appaloft.db') }),
    stateDir: join(folder, 'state'),
    planners: [compose()],
    targets: [docker({ cli, scope, pull: 'missing', proxy: embedded(), proxyContext: keptProxy })],
  })

async function begin(version: string, options: { connections: number; hangs?: boolean }) {
  await writeProject(join(folder, 'shop'), base, version, options)
  const program = all.start('composer', [folder, scope, cli])
  await program.hear('ready')
  program.tell('deploy', { secret })
  return program
}

async function until(program: Program, sign: (event: Record<string, unknown>) => boolean) {
  for (;;) {
    const event = await program.hear('event')
    if (event === null) throw new Error('it did not come to it')
    if (sign(event)) return
  }
}

describe.skipIf(!haveEngine)('a Compose project whose engine is killed (needs node scripts/engines.mjs)', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'appaloft-killed-'))
    all = await programs('composer')
  })

  afterAll(async () => {
    await all.end()
    const appaloft = composed()
    await appaloft.resources.remove('res_shop', { volumes: true })
    await appaloft.close()
    expect([containers(), networks()]).toEqual([[], []])
    await shutdown(join(folder, 'state'), { force: true })
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  it('while a migration runs and after it promoted: what was comes back, or what is goes on', async () => {
    // Here: who deploys first starts the proxy, which outlives the programs below.
    await writeProject(join(folder, 'shop'), base, 'one', { connections: 40 })
    const starting = composed()
    const first = await (await starting.deployments.create({ resource: shop(folder, secret) })).done
    expect(first.failure).toBeNull()
    await starting.close()
    const [before, networksBefore] = [containers(), networks()]

    const second = await begin('two', { connections: 50, hangs: true })
    await until(second, ({ message }) => message === 'migrate: hanging')
    second.child.kill('SIGKILL')
    expect(containers()).not.toEqual(before)
    const appaloft = composed()
    try {
      await appaloft.reconcile()
      // The database that was changed in place is the former one again.
      expect([containers(), networks()]).toEqual([before, networksBefore])
      const [interrupted] = (await appaloft.deployments.list({ resourceId: 'res_shop' })).items
      expect(interrupted).toMatchObject({ status: 'interrupted', rollback: { outcome: 'restored' } })
      const [url = ''] = (await appaloft.resources.status('res_shop')).urls
      expect(await fetch(url).then((one) => one.text())).toMatch(/^one /)
    } finally {
      await appaloft.close()
    }

    const third = await begin('three', { connections: 60 })
    await until(third, ({ type }) => type === 'traffic-promoted')
    third.child.kill('SIGKILL')
    const again = composed()
    try {
      await again.reconcile()
      const [finished] = (await again.deployments.list({ resourceId: 'res_shop' })).items
      expect(finished).toMatchObject({ status: 'succeeded' })
      const answer = await fetch(finished?.accessUrls[0] ?? '')
      expect(await answer.text()).toContain('three')
      expect(answer.headers.get('x-appaloft-deployment')).toBe(finished?.id)
      // One of each, the name's network of the release that is live, and nothing that was replaced.
      const states = containers().map((one) => one.split(' ').slice(1).join(' ').trim())
      expect(states.sort()).toEqual(['running', 'running asker', 'running db'])
      expect(networks()).toHaveLength(networksBefore.length)
    } finally {
      await again.close()
    }
  }, 240_000)
})
