import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dyingEngines, rollbackWrites } from '../test/boundaries.js'

// As with local processes: the engine's process is killed, and Docker's goes on.

const soak = process.env.APPALOFT_SOAK === '1'
const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const scope = `test-${randomBytes(5).toString('hex')}`
const run = (...args: string[]): string[] =>
  execFileSync(process.env.APPALOFT_TEST_DOCKER ?? 'docker', args, { encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter(Boolean)
const labeled = ['--filter', `label=appaloft.scope=${scope}`]
/** Of every container, whatever its state. */
const serving = () => run('ps', '--all', ...labeled, '--format', '{{.Label "appaloft.deployment"}}')

const { engine, recovered, killedAt, open, end } = dyingEngines({
  resourceId: 'res_dies',
  on: `docker:${scope}`,
  change: { runtime: { runtimeVersion: process.versions.node.split('.')[0] ?? '' } },
  serving,
})

describe.skipIf(!haveEngine)('an engine that is killed, with a Docker Engine (needs node scripts/engines.mjs)', () => {
  beforeAll(open)
  afterAll(async () => {
    await end()
    for (const name of run('ps', '--all', '--quiet', ...labeled)) run('rm', '--force', name)
    for (const name of run('images', '--quiet', ...labeled)) run('rmi', '--force', name)
    for (const name of run('volume', 'ls', '--quiet', ...labeled)) run('volume', 'rm', name)
  })

  it.each(soak ? ['good', 'sick', 'sours'] : ['good', 'sick'])(
    'at the journal boundaries of a release that is %s',
    async (mode) => {
      const { writes } = await engine(mode, 'never')
      await recovered(undefined)
      expect(writes).toBeGreaterThan(10)
      const all = Array.from({ length: writes }, (_, i) => [`before:${i + 1}`, `after:${i + 1}`]).flat()
      const moments = mode === 'good' ? all : all.slice(-2 * rollbackWrites)
      // From another one in each run, so that in time all are met.
      const first = Math.floor(Math.random() * 8)
      const some =
        mode === 'good' ? moments.filter((_, i) => i % 8 === first) : moments.filter((_, i) => i % 9 === first)
      const ends = await killedAt(mode, soak ? moments : some)
      if (soak) expect(ends[mode === 'good' ? 'succeeded' : 'failed']).toBeGreaterThan(2)
    },
    900_000,
  )
})
