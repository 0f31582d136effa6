import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { JsonRecord } from './files.js'
import { answering, ask } from './talk.js'

let folder = ''
let path = ''
let server: Server | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-talk-'))
  path = join(folder, 'sock')
})
afterEach(() => {
  server?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function serve(answer: (question: JsonRecord | null) => Promise<object>): Promise<void> {
  server = answering(answer)
  await new Promise<void>((resolve) => server?.listen(path, resolve))
}
const patient = { timeoutMs: 10_000 }

it('answers what was asked, however large, several at once', async () => {
  await serve(async (question) => ({ got: question?.text }))
  const texts = ['a', 'Straße ✓'.repeat(200_000), '']
  expect(await Promise.all(texts.map((text) => ask(path, { text }, patient)))).toEqual(texts.map((got) => ({ got })))
})

it('rejects where nobody listens, and where the answer never comes', async () => {
  await expect(ask(path, {}, patient)).rejects.toMatchObject({ code: 'ENOENT' })
  await serve(() => sleep(60_000, {}, { ref: false }))
  await expect(ask(path, {}, { timeoutMs: 20 })).rejects.toThrow('no answer came in time')
})

it('an abort rejects with its reason, and what was asked is done all the same', async () => {
  let done = () => {}
  const finished = new Promise<void>((resolve) => {
    done = resolve
  })
  const abort = new AbortController()
  await serve(async () => {
    abort.abort(new Error('enough'))
    await sleep(10)
    done()
    return {}
  })
  await expect(ask(path, {}, { ...patient, signal: abort.signal })).rejects.toThrow('enough')
  await finished
})

it('a question that is cut off or no object is told apart from none', async () => {
  await serve(async (question) => ({ understood: question !== null }))
  const answerTo = (text: string) =>
    new Promise((resolve) => {
      const socket = connect({ path, allowHalfOpen: true })
      socket.setEncoding('utf8').on('data', (data) => {
        resolve(JSON.parse(String(data)))
        socket.destroy()
      })
      socket.end(text)
    })
  for (const text of ['{"call":"sta', '[]', 'POST / HTTP/1.1\r\n\r\n', ''])
    expect(await answerTo(text)).toEqual({ understood: false })
  expect(await answerTo('{}')).toEqual({ understood: true })
})
