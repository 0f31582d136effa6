import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shutdown } from '@appaloft/target-process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withDocker } from './index.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-docker-example-'))
  await mkdir(join(folder, 'app'))
  const manifest = { name: 'shop', private: true, type: 'module', scripts: { start: 'node server.js' } }
  await writeFile(join(folder, 'app/package.json'), JSON.stringify(manifest))
  await writeFile(
    join(folder, 'app/server.js'),
    `import { createServer } from 'node:http'\ncreateServer((_, answer) => answer.end('open')).listen(process.env.PORT ?? 3000)\n`,
  )
})
afterAll(async () => {
  await shutdown(join(folder, 'state'), { force: true })
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(process.env.APPALOFT_TEST_ENGINE === undefined)('with an engine (node scripts/engines.mjs)', () => {
  it('shows the Dockerfile, deploys, and takes it away', async () => {
    const answer = await withDocker(join(folder, 'app'), join(folder, 'state'), {
      cli: process.env.APPALOFT_TEST_DOCKER ?? 'docker',
      scope: `test-${randomBytes(5).toString('hex')}`,
      baseImage: () => `node:${process.versions.node.split('.')[0]}-slim`,
    })
    expect(answer).toBe('open')
  }, 120_000)
})
