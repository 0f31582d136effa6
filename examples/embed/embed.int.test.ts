import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shutdown } from '@appaloft/target-process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { embed } from './index.js'

const server = `import { createServer } from 'node:http'
createServer((_, answer) => answer.end('hello ' + process.env.GREETING)).listen(process.env.PORT ?? 3000)
`

let folder: string
let stateDir: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-embed-'))
  stateDir = join(folder, 'state')
  await mkdir(join(folder, 'app'))
  const manifest = { name: 'hello', private: true, type: 'module', scripts: { start: 'node server.js' } }
  await writeFile(join(folder, 'app/package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'app/server.js'), server)
})
afterAll(async () => {
  await shutdown(stateDir, { force: true })
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

it('shows a plan, deploys twice and goes back', async () => {
  const said: string[] = []
  await embed(join(folder, 'app'), stateDir, (line) => said.push(line))
  expect(said[0]).toMatch(/^plan (ready|warning): /)
  expect(said).toContain('  traffic-promoted promote')
  expect(said.filter((line) => !line.startsWith(' ')).slice(1)).toEqual([
    'create succeeded: hello one',
    'create succeeded: hello two',
    'rollback succeeded: hello one',
  ])
})
