import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Envelope } from '@appaloft/core/spec'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { envelopesOf, Scene } from '../test/scene.js'
import { createHandler, type Handler, toNodeListener } from './index.js'

let scene: Scene
const servers: Server[] = []
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await scene.close()
})

async function serve(handler: Handler): Promise<number> {
  const server = createServer(toNodeListener(handler))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Says something on a connection of its own, and reads to its end. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  let said = ''
  for await (const part of socket) said += String(part)
  return said
}

it('serves node:http, and leaves global objects as they are', async () => {
  const before = [globalThis.Request, globalThis.Response]
  const port = await serve(scene.handler)
  await scene.engine.resources.define(scene.definition())
  const answer = await fetch(`http://127.0.0.1:${port}/api/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resource: 'res_shop' }),
  })
  expect(answer.status).toBe(202)
  const { eventsUrl } = (await answer.json()) as { eventsUrl: string }
  const events = await fetch(`http://127.0.0.1:${port}${eventsUrl}?follow=true`)
  expect(envelopesOf(await events.text()).at(-1)).toMatchObject({ kind: 'closed', reason: 'completed' })
  expect([globalThis.Request, globalThis.Response]).toEqual(before)
})

it('answers what is no request, and a body that is too large', async () => {
  const port = await serve(createHandler(scene.engine, { authorize: () => ({ allow: true }), maxBodyBytes: 100 }))
  const bad = await raw(port, 'GET /api/deployments HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n')
  expect(bad).toMatch(/^HTTP\/1.1 400 /)
  expect(bad).toContain('"code":"invalid-input"')
  const head = 'POST /api/deployments HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n'
  expect(await raw(port, `${head}Content-Length: 101\r\n\r\n${'x'.repeat(101)}`)).toMatch(/^HTTP\/1.1 413 /)
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${'64\r\n'.concat('x'.repeat(100), '\r\n').repeat(3)}0\r\n\r\n`
  expect(await raw(port, chunked)).toMatch(/^HTTP\/1.1 413 /)
  expect(await raw(port, `${head}Content-Length: 50\r\n\r\n{"resource":`)).toMatch(/^HTTP\/1.1 400 /)
})

/** A server of events without end, 16 KiB each. */
async function endless() {
  const { id } = await scene.deployed()
  const state = { given: 0, ended: false }
  async function* events(): AsyncIterableIterator<Envelope> {
    try {
      for (;;) {
        state.given += 1
        const event = { deploymentId: id, sequence: state.given, type: 'log' as const, at: '', data: {} }
        yield { kind: 'event', cursor: String(state.given), event: { ...event, message: 'x'.repeat(16 * 1024) } }
      }
    } finally {
      state.ended = true
    }
  }
  const engine = { ...scene.engine, deployments: { ...scene.engine.deployments, events } }
  const port = await serve(createHandler(engine, { authorize: () => ({ allow: true }) }))
  return { state, port, path: `/api/deployments/${id}/events?follow=true` }
}

it('a client that does not read stops its own stream: what waits for it is bounded', async () => {
  const { state, port, path } = await endless()
  const socket = connect(port, '127.0.0.1').pause()
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  // Until nothing more is asked for: the buffers of both sides are full.
  let seen = -1
  while (state.given !== seen || seen < 2) {
    seen = state.given
    // Far more than buffers hold: 256 MiB.
    if (seen > 16_384) break
    await sleep(200)
  }
  expect(seen).toBeGreaterThan(2)
  expect(seen).toBeLessThan(16_384)
  // It reads again, and gets more than was waiting.
  let bytes = 0
  socket.on('data', (part) => {
    bytes += part.length
  })
  socket.resume()
  await expect.poll(() => bytes, { timeout: 20_000 }).toBeGreaterThan((seen + 10) * 16 * 1024)
  expect(state.ended).toBe(false)
  socket.destroy()
  await expect.poll(() => state.ended, { timeout: 20_000 }).toBe(true)
}, 60_000)

it('a client that goes away before it reads leaves nothing behind', async () => {
  const { state, port, path } = await endless()
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await once(socket, 'data')
  socket.destroy()
  await expect.poll(() => state.ended, { timeout: 20_000 }).toBe(true)
}, 60_000)
