import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Store } from '@appaloft/core/spec'
import { sampleDeployment, sampleEvent, sampleHolder, sampleId, sampleResource } from '@appaloft/testkit'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sqlite } from './store.js'

const wallClock = () => performance.timeOrigin + performance.now()
const id = sampleId('dep', 1)

/** Another process of the same machine: it does what it is sent, and answers. */
const program = `
  import { createRequire } from 'node:module'
  const require = createRequire(import.meta.url)
  const isLoaded = () => Object.keys(require.cache).some((file) => file.includes('libsql'))
  const wallClock = () => performance.timeOrigin + performance.now()
  const { sqlite } = await import('@appaloft/store-sqlite')
  const afterImport = isLoaded()
  const store = sqlite({ path: process.argv[2] })
  const event = (message) => ({ type: 'log', at: '2024-01-01T00:00:00.000Z', message, data: {} })
  const commit = (deploymentId, events, durable = false) => store.commit({ deploymentId, guards: [], events, durable })
  const jobs = {
    loaded: async () => [afterImport, (await store.listDeployments(), isLoaded())],
    // appends one by one, and says after each what is now promised
    append: async ({ id, name, count, durable }) => {
      for (let i = 0; i < count; i += 1) {
        const { events } = await commit(id, [event(name + ' ' + i)], durable)
        process.send({ appended: events[0].sequence, name, i })
      }
    },
    // a burst with a pause after each, the time of writing in the message
    burst: async ({ id, count }) => {
      for (let i = 0; i < count; i += 1) await commit(id, [event(String(wallClock()))])
    },
    // stops inside a transaction, with pages already in the log
    hang: async ({ id }) => {
      await store.getDeployment(id)
      const Database = require('libsql')
      const db = new Database(process.argv[2])
      db.exec('PRAGMA cache_size = 5; BEGIN IMMEDIATE')
      const insert = db.prepare('INSERT INTO events (deployment, sequence, event) VALUES (1, ?, ?)')
      for (let i = 0; i < 2000; i += 1) insert.run([1000 + i, 'x'.repeat(2000)])
      process.send({ hanging: true })
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
    },
    put: async ({ resource }) => {
      let won = 0
      for (let expected = 0; expected < 20; expected += 1) {
        await store.putResource(resource, expected === 0 ? null : expected).then(() => { won += 1 }, (e) => {
          if (e.code !== 'conflict') throw e
        })
      }
      return won
    },
    close: async () => store.close(),
  }
  process.on('message', async ({ job, ...input }) => {
    try {
      process.send({ done: job, answer: await jobs[job](input) })
    } catch (error) {
      process.send({ failed: job, error: String(error.code) + ' ' + error.message })
    }
  })
  process.send({ done: 'ready' })
`

interface Message {
  done?: string
  failed?: string
  error?: string
  answer?: unknown
  hanging?: boolean
  appended?: number
  name?: string
  i?: number
}

let programs: string
let folder: string
let path: string
let store: Store
const children: ChildProcess[] = []

beforeAll(async () => {
  programs = await mkdtemp(join(tmpdir(), 'appaloft-program-'))
  await build({
    stdin: { contents: program, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'js' },
    outfile: join(programs, 'program.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@appaloft/source'],
    external: ['libsql'],
    logLevel: 'error',
  })
  await symlink(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(programs, 'node_modules'))
})
afterAll(() => rm(programs, { recursive: true, force: true }))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-store-'))
  path = join(folder, 'store.db')
  store = sqlite({ path, pollMs: 60_000 })
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

const begin = () =>
  store.createDeployment({ record: sampleDeployment({ id }), holder: sampleHolder(), events: [sampleEvent()] })

/** Resolves at the first message that `wanted` accepts; rejects when the process fails a job or dies before. */
function message(child: ChildProcess, wanted: (message: Message) => boolean): Promise<Message> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      child.off('message', hear)
      child.off('exit', died)
    }
    const hear = (heard: Message) => {
      if (heard.failed === undefined && !wanted(heard)) return
      settle()
      if (heard.failed === undefined) resolve(heard)
      else reject(new Error(`${heard.failed}: ${heard.error}`))
    }
    const died = (code: number | null, signal: string | null) => {
      settle()
      reject(new Error(`the process ended with ${code ?? signal}`))
    }
    child.on('message', hear)
    child.on('exit', died)
  })
}

async function start(): Promise<ChildProcess> {
  const child = fork(join(programs, 'program.mjs'), [path])
  children.push(child)
  await message(child, (heard) => heard.done === 'ready')
  return child
}

function ask(child: ChildProcess, job: string, input: object = {}): Promise<unknown> {
  const answer = message(child, (heard) => heard.done === job)
  child.send({ job, ...input })
  return answer.then((heard) => heard.answer)
}

/** The messages of all events, after the sequences were found to be 1 to the last. */
async function allMessages(): Promise<(string | undefined)[]> {
  const { events, last } = await store.readEvents(id, { limit: 1_000_000 })
  expect(events.map((event) => event.sequence)).toEqual(Array.from({ length: last }, (_, i) => i + 1))
  return events.map((event) => event.message)
}

describe('several processes', () => {
  it('create the file at once and append at once: no hole, no loss, no error', async () => {
    const writers = await Promise.all([start(), start(), start()])
    const won = await Promise.all(writers.map((child) => ask(child, 'put', { resource: sampleResource() })))
    expect(won.reduce<number>((sum, one) => sum + Number(one), 0)).toBe(20)
    expect((await store.getResource('res_web'))?.stateVersion).toBe(20)
    await begin()
    const began = performance.now()
    await Promise.all(
      writers.map((child, w) => ask(child, 'append', { id, name: `w${w}`, count: 300, durable: w === 0 })),
    )
    const perSecond = Math.round(900 / ((performance.now() - began) / 1000))
    console.log(`three processes appended 900 events, one of them durably: ${perSecond} a second`)
    const messages = (await allMessages()).slice(1)
    expect(messages).toHaveLength(900)
    for (const w of [0, 1, 2]) {
      expect(messages.filter((m) => m?.startsWith(`w${w} `))).toEqual(
        Array.from({ length: 300 }, (_, i) => `w${w} ${i}`),
      )
    }
    await Promise.all(writers.map((child) => ask(child, 'close')))
  })

  it('killed at any moment lose nothing that was promised, and leave no hole', async () => {
    await begin()
    const promised = new Map<string, number>()
    for (let round = 0; round < 8; round += 1) {
      const child = await start()
      child.on('message', (heard: Message) => {
        if (heard.appended !== undefined) promised.set(`${heard.name} ${heard.i}`, heard.appended)
      })
      const first = message(child, (heard) => heard.appended !== undefined)
      child.send({ job: 'append', id, name: `r${round}`, count: 1_000_000, durable: round % 2 === 0 })
      await first
      await new Promise((resolve) => setTimeout(resolve, 5 + round * 7))
      child.kill('SIGKILL')
      await once(child, 'close')
      const messages = await allMessages()
      for (const [text, sequence] of promised) expect(messages[sequence - 1]).toBe(text)
      await store.commit({ deploymentId: id, guards: [], events: [sampleEvent(`after ${round}`)] })
    }
    console.log(`8 processes killed while appending: ${promised.size} events promised, all there`)
    expect(promised.size).toBeGreaterThan(8)
  })

  it('killed inside a transaction leave nothing of it, and the file is free at once', async () => {
    await begin()
    const child = await start()
    const hanging = message(child, (heard) => heard.hanging === true)
    child.send({ job: 'hang', id })
    await hanging
    const waiting = store.commit({ deploymentId: id, guards: [], events: [sampleEvent('waited')] })
    expect((await store.readEvents(id)).last).toBe(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await waiting).events[0]?.sequence).toBe(2)
    expect(await allMessages()).toEqual(['hello', 'waited'])
  })
})

describe('a wake-up from another process', () => {
  it('comes for the last event of each burst, without the help of the poll', async () => {
    await begin()
    const writer = await start()
    const lags: number[] = []
    let cursor = 1
    let reading = Promise.resolve()
    let arrived = () => {}
    const end = store.subscribe(() => {
      reading = reading.then(async () => {
        const { events } = await store.readEvents(id, { after: cursor })
        const now = wallClock()
        cursor = events.at(-1)?.sequence ?? cursor
        lags.push(...events.map((event) => now - Number(event.message)))
        arrived()
      })
    })
    const last: number[] = []
    for (let burst = 1; burst <= 40; burst += 1) {
      const all = new Promise<void>((resolve) => {
        arrived = () => {
          if (cursor === 1 + burst * 10) resolve()
        }
      })
      await ask(writer, 'burst', { id, count: 10 })
      await Promise.race([
        all,
        reading.then(
          () =>
            new Promise((_, reject) =>
              setTimeout(() => reject(new Error(`burst ${burst}: no wake-up for its last event`)), 5_000).unref(),
            ),
        ),
      ])
      last.push(lags.at(-1) ?? Number.NaN)
    }
    end()
    const sorted = last.sort((a, b) => a - b)
    const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN
    console.log(
      `last event of 40 bursts, written by another process, read after: p50 ${at(0.5).toFixed(1)} ms, p95 ${at(0.95).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`,
    )
    expect(lags).toHaveLength(400)
    expect(at(0.5)).toBeLessThan(100)
  })
})

describe('the package', () => {
  it('loads the native module only when the file is used', async () => {
    await begin()
    expect(await ask(await start(), 'loaded')).toEqual([false, true])
  })
})
