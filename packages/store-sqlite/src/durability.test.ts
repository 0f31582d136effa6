import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sampleDeployment, sampleEvent, sampleHolder } from '@appaloft/testkit'
import { expect, it, vi } from 'vitest'
import type * as opening from './open.js'
import { sqlite } from './store.js'

const heard: string[] = []
vi.mock('./open.js', async (original) => {
  const { open } = await original<typeof opening>()
  const listening: typeof open = async (...given) => {
    const sql = await open(...given)
    return {
      ...sql,
      get inTransaction() {
        return sql.inTransaction
      },
      exec(text) {
        heard.push(text)
        sql.exec(text)
      },
    }
  }
  return { open: listening }
})

/** How the log was synchronised in each write transaction since the last question. */
function asked(): string[] {
  const modes: string[] = []
  for (const text of heard) {
    mode = /synchronous = (\w+)/.exec(text)?.[1] ?? mode
    if (text === 'BEGIN IMMEDIATE') modes.push(mode)
  }
  heard.length = 0
  return modes
}
let mode = 'as SQLite is built'

it('synchronises the log for what must survive power loss, and only for that', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-store-'))
  const store = sqlite({ path: join(folder, 'store.db') })
  const { deployment, lease } = await store.createDeployment({
    record: sampleDeployment(),
    holder: sampleHolder(),
    events: [],
  })
  asked()
  const commit = async (durable?: boolean) => {
    await store.commit({ deploymentId: deployment.id, guards: [], events: [sampleEvent()], durable })
    return asked()
  }
  expect(await commit()).toEqual(['FULL'])
  expect(await commit(false)).toEqual(['NORMAL'])
  expect(await commit(false)).toEqual(['NORMAL'])
  expect(await commit(true)).toEqual(['FULL'])
  await store.beatLeases([lease!])
  expect(asked()).toEqual(['NORMAL'])
  await store.acquireLease({ key: 'k', holder: sampleHolder(), expect: null })
  expect(asked()).toEqual(['FULL'])
  await store.close()
  await rm(folder, { recursive: true, force: true })
})
