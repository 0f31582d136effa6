import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '@appaloft/core'
import { embedded } from '@appaloft/proxy-embedded'
import { process, shutdown } from '@appaloft/target-process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rollOut } from './rollout.js'

const server = `import { createServer } from 'node:http'
createServer((_, answer) => answer.end('hello ' + process.env.GREETING)).listen(process.env.PORT ?? 3000)
`

const keys = ['north', 'south', 'west']
let folder: string
const stateOf = (key: string) => join(folder, `state-${key}`)
/** Machines in small: each has a state folder, a keeper and a proxy of its own. */
const machine = (key: string): Target => {
  const target = process({ key, proxy: embedded() })
  return { ...target, open: async () => target.open?.({ stateDir: stateOf(key) }) }
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-rollout-'))
  await mkdir(join(folder, 'app'))
  const manifest = { name: 'hello', private: true, type: 'module', scripts: { start: 'node server.js' } }
  await writeFile(join(folder, 'app/package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'app/server.js'), server)
})
afterAll(async () => {
  for (const key of keys) await shutdown(stateOf(key), { force: true })
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

it('brings two releases to every machine, and all of them back', async () => {
  const said: string[] = []
  await rollOut(keys.map(machine), join(folder, 'app'), join(folder, 'state'), (line) => said.push(line))
  expect(said).toEqual(Array(3).fill('succeeded: north succeeded, south succeeded, west succeeded'))
})
