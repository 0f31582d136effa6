import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '@appaloft/core/spec'
import { sampleDeployment, sampleEvent, sampleHolder, sampleId, sampleRelease, sampleResource } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqlite } from './store.js'

// libsql itself, to put into the file what the store never would
const Libsql: new (path: string) => { exec(sql: string): void; close(): void } = createRequire(import.meta.url)(
  'libsql',
)

let folder: string
let path: string
const open: Store[] = []
const at = (options: object = {}): Store => {
  const store = sqlite({ path, ...options })
  open.push(store)
  return store
}
const tamper = (sql: string): void => {
  const db = new Libsql(path)
  db.exec(sql)
  db.close()
}
const hash = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')
const tree = (): string[] => readdirSync(folder, { recursive: true }).map(String).sort()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-store-'))
  path = join(folder, 'a', 'b %?#é', 'store.db')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()))
  await rm(folder, { recursive: true, force: true })
})

async function fill(store: Store): Promise<string> {
  await store.putResource(sampleResource(), null)
  const record = sampleDeployment()
  const { lease } = await store.createDeployment({ record, holder: sampleHolder(), events: [sampleEvent()] })
  await store.commit({
    deploymentId: record.id,
    guards: [lease!],
    events: [sampleEvent('log')],
    releases: [sampleRelease()],
  })
  return record.id
}

async function readEverything(store: Store): Promise<unknown> {
  return [
    await store.getResource('res_web'),
    await store.listResources(),
    await store.listDeployments(),
    await store.getDeployment(sampleId('dep', 1)),
    await store.readEvents(sampleId('dep', 1)),
    await store.listReleases({ resourceId: 'res_web' }),
    await store.getRelease(sampleId('rel', 1)),
    await store.readLease('resource:res_web@local'),
    await store.listSealed('res_web'),
  ]
}

describe('a missing file', () => {
  it('reads as empty and is not created, neither by reads nor by subscribers nor by what has nothing to change', async () => {
    const store = at({ pollMs: 10 })
    const end = store.subscribe(() => {})
    expect(await store.listDeployments()).toEqual([])
    expect(await store.getResource('res_web')).toBeNull()
    await store.removeResource('res_web', { deployments: true })
    await store.removeRelease('rel_none')
    await store.releaseLease({ key: 'k', token: 1 })
    expect(await store.beatLeases([{ key: 'k', token: 1 }])).toEqual(['k'])
    await expect(store.commit({ deploymentId: 'dep_none', guards: [] })).rejects.toMatchObject({
      code: 'deployment-not-found',
    })
    await expect(store.putResource(sampleResource(), 3)).rejects.toMatchObject({ code: 'conflict' })
    const lease = { key: 'k', token: 1, beats: 0, holder: null }
    expect(await store.acquireLease({ key: 'k', holder: sampleHolder(), expect: lease })).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 40))
    end()
    await store.close()
    expect(tree()).toEqual([])
  })

  it('wakes who subscribed before it was there', async () => {
    const reader = at({ pollMs: 20 })
    const woken = new Promise<void>((resolve) => reader.subscribe(() => resolve()))
    await fill(at())
    await woken
  })

  it('is created with its folders for this user alone', async () => {
    const before = process.umask(0o022)
    try {
      await fill(at())
    } finally {
      process.umask(before)
    }
    const mode = (file: string) => (statSync(file).mode & 0o777).toString(8)
    expect(mode(join(folder, 'a'))).toBe('700')
    expect(mode(join(path, '..'))).toBe('700')
    for (const ending of ['', '-bell', '-wal', '-shm']) expect(mode(path + ending)).toBe('600')
  })
})

describe('an existing file', () => {
  it('keeps its bytes and neighbours when it is read', async () => {
    const writer = at()
    await fill(writer)
    await writer.close()
    const [bytes, neighbours] = [hash(path), tree()]
    const reader = at({ pollMs: 10 })
    const end = reader.subscribe(() => {})
    expect(await readEverything(reader)).toMatchObject([
      { id: 'res_web' },
      {},
      [{ id: sampleId('dep', 1) }],
      {},
      {},
      {},
      {},
      null,
      [],
    ])
    await new Promise((resolve) => setTimeout(resolve, 40))
    end()
    await reader.close()
    expect(hash(path)).toBe(bytes)
    expect(tree()).toEqual(neighbours)
    expect(statSync(`${path}-wal`).size).toBe(0)
  })

  it('keeps its bytes when it is read after its writer was killed, with the log still full', async () => {
    const writer = at()
    await fill(writer)
    // copied as a kill would leave it: what was committed stands in the log only
    const killed = join(folder, 'killed.db')
    for (const ending of ['', '-wal', '-bell']) writeFileSync(killed + ending, readFileSync(path + ending))
    const [bytes, log] = [hash(killed), hash(`${killed}-wal`)]
    const reader = sqlite({ path: killed })
    expect(await readEverything(reader)).toEqual(await readEverything(writer))
    await reader.close()
    expect([hash(killed), hash(`${killed}-wal`)]).toEqual([bytes, log])
  })

  it('is found complete in the main file alone once its writer has closed', async () => {
    const writer = at()
    await fill(writer)
    const expected = await readEverything(writer)
    await writer.close()
    for (const ending of ['-wal', '-shm', '-bell']) rmSync(path + ending, { force: true })
    expect(await readEverything(at())).toEqual(expected)
  })

  it('takes a writer that has only its main file', async () => {
    const writer = at()
    await fill(writer)
    await writer.close()
    for (const ending of ['-wal', '-shm', '-bell']) rmSync(path + ending, { force: true })
    const again = at()
    expect(
      (await again.commit({ deploymentId: sampleId('dep', 1), guards: [], events: [sampleEvent()] })).events,
    ).toHaveLength(1)
    expect(existsSync(`${path}-bell`)).toBe(true)
  })

  it('is empty for an open store after it was removed, and made anew by the next write', async () => {
    const store = at()
    await fill(store)
    rmSync(path)
    expect(await store.listDeployments()).toEqual([])
    expect((await store.putResource(sampleResource({ id: 'res_new' }), null)).stateVersion).toBe(1)
    expect((await at().listResources()).map((r) => r.id)).toEqual(['res_new'])
  })

  it('is empty while it has no byte', async () => {
    const store = at()
    await fill(store)
    await store.close()
    rmSync(join(folder, 'a'), { recursive: true })
    path = join(folder, 'empty.db')
    writeFileSync(path, '')
    expect(await at().listDeployments()).toEqual([])
    expect(statSync(path).size).toBe(0)
    await fill(at())
    expect(await at().listDeployments()).toHaveLength(1)
  })
})

describe('a file that cannot be used', () => {
  const code = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: { code: string; message: string }) => [error.code, error.message],
    )

  it('tells a newer schema, and what to do', async () => {
    const store = at()
    await fill(store)
    tamper('PRAGMA user_version = 99')
    for (const one of [store, at()]) {
      expect(await code(one.listDeployments())).toEqual(['store-corrupt', expect.stringContaining('newer version')])
      expect(await code(one.removeRelease('x'))).toEqual(['store-corrupt', expect.stringContaining('99')])
    }
  })

  it('leaves other programs’ databases alone', async () => {
    path = join(folder, 'other.db')
    tamper('CREATE TABLE theirs (a)')
    const bytes = hash(path)
    expect(await code(at().listResources())).toEqual(['store-corrupt', expect.stringContaining('another program')])
    expect(await code(fill(at()))).toEqual(['store-corrupt', expect.stringContaining('another program')])
    expect(hash(path)).toBe(bytes)
    expect(tree()).toEqual(['other.db'])
  })

  it('tells a file that is no database', async () => {
    path = join(folder, 'text.db')
    writeFileSync(path, 'these are words, and no pages of a database\n'.repeat(200))
    expect(await code(at().listResources())).toEqual(['store-corrupt', expect.stringContaining('text.db')])
    expect(await code(fill(at()))).toEqual(['store-corrupt', expect.not.stringContaining(folder)])
  })

  it('tells a folder that cannot be made', async () => {
    writeFileSync(join(folder, 'a'), '')
    expect(await code(at().listResources())).toEqual(['store-unavailable', expect.stringContaining('ENOTDIR')])
    expect(await code(fill(at()))).toEqual(['store-unavailable', expect.any(String)])
  })

  it('names the record that does not parse', async () => {
    const store = at()
    const id = await fill(store)
    tamper(`UPDATE deployments SET record = replace(record, '"queued"', '"nonsense"')`)
    tamper(`UPDATE events SET event = '{' WHERE sequence = 2`)
    tamper(`UPDATE releases SET record = '{}'`)
    tamper(`UPDATE resources SET record = '[]'`)
    tamper(`UPDATE leases SET holder = '{"pid":"x"}'`)
    expect(await code(store.getDeployment(id))).toEqual([
      'store-corrupt',
      expect.stringMatching(`deployment ${id}.*status`),
    ])
    expect(await code(store.listDeployments())).toEqual(['store-corrupt', expect.stringContaining(id)])
    expect(await code(store.readEvents(id))).toEqual(['store-corrupt', expect.stringContaining(`event 2 of ${id}`)])
    expect((await store.readEvents(id, { limit: 1 })).events).toHaveLength(1)
    expect(await code(store.getRelease(sampleId('rel', 1)))).toEqual([
      'store-corrupt',
      expect.stringContaining(sampleId('rel', 1)),
    ])
    expect(await code(store.getResource('res_web'))).toEqual([
      'store-corrupt',
      expect.stringContaining('resource res_web'),
    ])
    expect(await code(store.readLease(`attempt:${id}`))).toEqual([
      'store-corrupt',
      expect.stringContaining(`lease attempt:${id}`),
    ])
  })

  it('refuses what SQLite cannot bind instead of passing it on', async () => {
    const store = at()
    await fill(store)
    for (const id of [true, undefined, {}, Number.NaN]) {
      expect(await code(store.getDeployment(id as unknown as string))).toEqual(['invalid-input', expect.any(String)])
    }
    expect(await store.getDeployment(sampleId('dep', 1))).not.toBeNull()
  })
})

describe('several at once', () => {
  it('waits for a writer, tells one that never ends, and leaves the event loop free meanwhile', async () => {
    const store = at({ busyTimeoutMs: 300 })
    const id = await fill(store)
    const log = { deploymentId: id, guards: [], events: [sampleEvent()] }
    const other = new Libsql(path)
    other.exec('BEGIN IMMEDIATE')
    const waiting = store.commit(log)
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await at().listDeployments()).toHaveLength(1)
    other.exec('ROLLBACK')
    await waiting

    other.exec('BEGIN IMMEDIATE')
    let ticks = 0
    const timer = setInterval(() => {
      ticks += 1
    }, 5)
    await expect(store.commit(log)).rejects.toMatchObject({ code: 'store-unavailable', retriable: true })
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(5)
    other.exec('ROLLBACK')
    other.close()
    expect((await store.commit(log)).events[0]?.sequence).toBe(4)
  })

  it('hears of other connections by the slow poll where the bell is silent', async () => {
    const writer = at()
    const id = await fill(writer)
    rmSync(`${path}-bell`)
    const reader = at({ pollMs: 20 })
    expect(await reader.listDeployments()).toHaveLength(1)
    let woken = 0
    const end = reader.subscribe(() => {
      woken += 1
    })
    await new Promise((resolve) => setTimeout(resolve, 70))
    expect(woken).toBe(0)
    await writer.commit({ deploymentId: id, guards: [], events: [sampleEvent()] })
    await expect.poll(() => woken).toBe(1)
    end()
  })

  it('keeps the order of calls that were not waited for', async () => {
    const store = at()
    const id = await fill(store)
    const other = new Libsql(path)
    other.exec('BEGIN IMMEDIATE')
    const calls = Array.from({ length: 10 }, (_, i) =>
      store.commit({ deploymentId: id, guards: [], events: [sampleEvent(String(i))], durable: i % 2 === 0 }),
    )
    await new Promise((resolve) => setTimeout(resolve, 60))
    other.exec('ROLLBACK')
    other.close()
    await Promise.all(calls)
    const { events } = await store.readEvents(id, { after: 2 })
    expect(events.map((event) => event.message)).toEqual(Array.from({ length: 10 }, (_, i) => String(i)))
  })

  it('lets calls made before close finish, and refuses later ones', async () => {
    const store = at()
    const id = await fill(store)
    const last = store.commit({ deploymentId: id, guards: [], events: [sampleEvent('last')] })
    const closing = store.close()
    await expect(store.listResources()).rejects.toMatchObject({ code: 'store-unavailable', retriable: false })
    await expect(store.putResource(sampleResource(), 1)).rejects.toMatchObject({ code: 'store-unavailable' })
    await closing
    expect((await last).events[0]?.sequence).toBe(3)
    expect((await at().readEvents(id)).last).toBe(3)
  })
})
