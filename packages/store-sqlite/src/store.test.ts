import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '@appaloft/core/spec'
import { applicable, type StoreSubject, storeAbilities, storeConformance } from '@appaloft/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import { sqlite } from './store.js'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

const paths = new WeakMap<Store, string>()
const at = (path: string): Store => {
  const store = sqlite({ path })
  paths.set(store, path)
  return store
}
const subject: StoreSubject = {
  async create() {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-store-'))
    folders.push(folder)
    return at(join(folder, 'state', 'store.db'))
  },
  reopen: async (store) => at(paths.get(store)!),
}

describe('sqlite', () => {
  const { run, skipped } = applicable(storeConformance, storeAbilities(sqlite()))
  it('offers all that the suite asks', () => expect(skipped).toEqual([]))
  it.each(run.map((one) => [one.id, one] as const))('%s', async (_id, one) => {
    await one.run(subject)
  })
})
