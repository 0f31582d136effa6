import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { doorway } from './ready.js'

/** What is behind says which connection of its own it answers on. */
async function begin(kept = 2) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-door-'))
  const [path, behind] = [join(folder, 'f'), join(folder, 'b')]
  const came: Socket[] = []
  const server = createServer((socket) => {
    const at = came.push(socket)
    socket.on('data', () => socket.end(String(at)))
    socket.on('error', () => socket.destroy())
  })
  await once(server.listen(behind), 'listening')
  const door = await doorway(path, behind, kept)
  onTestFinished(async () => {
    await door.close()
    server.close()
    rmSync(folder, { recursive: true })
  })
  const ask = async () => {
    const socket = connect(path)
    socket.write('x')
    let said = ''
    for await (const chunk of socket) said += String(chunk)
    return said
  }
  return { came, ask, door }
}

it('a door has two connections open ahead, and gives each to one alone', async () => {
  const { came, ask } = await begin()
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(2)
  expect((await Promise.all([ask(), ask()])).sort()).toEqual(['1', '2'])
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(4)
  expect([await ask(), await ask()]).toEqual(['3', '4'])
})

it('a door gives up those that wait where who listens has begun anew', async () => {
  const { came, ask, door } = await begin()
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(2)
  const over = came.map((socket) => once(socket.resume(), 'close'))
  door.renew()
  await Promise.all(over)
  expect(await ask()).toBe('3')
})

it('a door whose connections were hung up makes others', async () => {
  const { came, ask } = await begin()
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(2)
  for (const socket of came) {
    const over = once(socket, 'close')
    socket.end()
    await over
  }
  expect(await ask()).toBe('3')
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(5)
  expect(await ask()).toBe('4')
})

it('a door opens one connection for somebody who is about to come, and gives it up where nobody does', async () => {
  const { came, ask, door } = await begin(0)
  expect(await ask()).toBe('1')
  door.soon()
  door.soon()
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(2)
  expect(await ask()).toBe('2')
  expect(await ask()).toBe('3')
  door.soon()
  await expect.poll(() => came.length, { timeout: 20_000 }).toBe(4)
  await once(came[3] as Socket, 'close')
  expect(await ask()).toBe('5')
}, 30_000)
