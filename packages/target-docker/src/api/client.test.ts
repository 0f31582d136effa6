import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { z } from 'zod'
import { EngineClient, EngineError, EngineUnreachable } from './client.js'

let folder = ''
let server: Server | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-client-'))
})
afterEach(() => {
  server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** An engine that answers every request with these bytes, and then cuts the connection. */
async function answering(bytes: string): Promise<EngineClient> {
  const path = join(folder, 'sock')
  rmSync(path, { force: true })
  server?.close()
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(bytes))
  })
  await new Promise<void>((resolve) => server?.listen(path, resolve))
  return new EngineClient({ kind: 'unix', path, environment: {} })
}

const body = JSON.stringify({ Id: 'abc' })
const whole = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const idSchema = z.object({ Id: z.string() })

it('reads an answer by its schema', async () => {
  const client = await answering(whole)
  expect(await client.json('/x', idSchema)).toEqual({ Id: 'abc' })
  client.close()
})

it('an answer cut at any byte is told as an engine that does not answer', async () => {
  for (let at = 0; at < whole.length; at += 7) {
    const client = await answering(whole.slice(0, at))
    const error = await client.json('/x', idSchema).catch((reason: unknown) => reason)
    expect(error, `cut at ${at}`).toBeInstanceOf(EngineUnreachable)
    client.close()
  }
})

it('what the engine refuses has its words and its status', async () => {
  const said = JSON.stringify({ message: 'No such container: x' })
  const client = await answering(`HTTP/1.1 404 Not Found\r\ncontent-length: ${said.length}\r\n\r\n${said}`)
  const error = await client.text('/x').catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(EngineError)
  expect(error).toMatchObject({ status: 404, message: 'No such container: x' })
  client.close()
})

it('nobody there, and an abort, are told apart', async () => {
  const client = new EngineClient({ kind: 'unix', path: join(folder, 'none'), environment: {} })
  await expect(client.text('/x')).rejects.toMatchObject({ systemCode: 'ENOENT' })
  const reason = new Error('enough')
  await expect(client.text('/x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
