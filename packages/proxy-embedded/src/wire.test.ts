import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Message, serveLines, TimedOut, Wire } from './wire.js'

let folder = ''
let path = ''
let server: Server | undefined
let wire: Wire
const sockets = new Set<Socket>()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-wire-'))
  path = join(folder, 'sock')
  wire = new Wire(path)
})
afterEach(async () => {
  wire.close()
  stop()
  await rm(folder, { recursive: true, force: true })
})

function stop(): void {
  server?.close()
  for (const socket of sockets) socket.destroy()
}

async function serve(answer: (question: Message | null) => Promise<object>): Promise<void> {
  server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serveLines(socket, answer)
  })
  await new Promise<void>((resolve) => server?.listen(path, resolve))
}
const patient = { timeoutMs: 10_000 }
const slowly = async (question: Message | null) => {
  await sleep(Number(question?.ms))
  return { slept: question?.ms }
}

it('questions share a connection, and answers overtake each other', async () => {
  await serve(slowly)
  const order: unknown[] = []
  const asked = [300, 0, 150].map(async (ms) => order.push((await wire.ask({ ms }, patient)).slept))
  await Promise.all(asked)
  expect(order).toEqual([0, 150, 300])
  expect(sockets.size).toBe(1)
})

it('large and many-byte texts arrive whole', async () => {
  await serve(async (question) => ({ text: question?.text }))
  const text = 'Straße\n✓'.repeat(100_000)
  expect((await wire.ask({ text }, patient)).text).toBe(text)
})

it('a connection that broke is made anew, and what waited on it is told', async () => {
  await serve(slowly)
  const waiting = wire.ask({ ms: 60_000 }, patient).catch((error: NodeJS.ErrnoException) => error.code)
  await wire.ask({ ms: 0 }, patient)
  stop()
  expect(await waiting).toBe('ECONNRESET')
  await expect(wire.ask({ ms: 0 }, patient)).rejects.toMatchObject({
    code: expect.stringMatching(/ENOENT|ECONNREFUSED/),
  })
  await serve(slowly)
  expect((await wire.ask({ ms: 0 }, patient)).slept).toBe(0)
})

it('no answer in time is an error of its own', async () => {
  await serve(slowly)
  await expect(wire.ask({ ms: 60_000 }, { timeoutMs: 20 })).rejects.toBeInstanceOf(TimedOut)
})

it('an abort ends the wait alone', async () => {
  await serve(slowly)
  const abort = new AbortController()
  const other = wire.ask({ ms: 100 }, patient)
  const aborted = wire.ask({ ms: 60_000 }, { ...patient, signal: abort.signal })
  abort.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  expect((await other).slept).toBe(100)
})

it('a line that is no object gets one answer and the end of the connection', async () => {
  await serve(async (question) => ({ understood: question !== null }))
  const socket = connect(path)
  let text = ''
  socket.on('data', (data) => {
    text += String(data)
  })
  socket.write('POST / HTTP/1.1\n')
  await new Promise((resolve) => socket.once('close', resolve))
  expect(JSON.parse(text)).toEqual({ understood: false, id: null })
})
