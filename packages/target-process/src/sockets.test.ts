import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import process from 'node:process'
import { afterEach, expect, it } from 'vitest'
import { listening, quickLook, socketsOf } from './sockets.js'

const servers: Server[] = []
const clients: Socket[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  for (const server of servers.splice(0)) server.close()
})

async function listen(host: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}
const open = (port: number) =>
  new Promise<void>((resolve) => {
    clients.push(connect(port, '127.0.0.1', resolve))
  })
const mine = () => socketsOf([process.pid]) ?? new Set<string>()
const portsIn = (found: Map<string, { port: number; ipv4: boolean }> | null) => [...(found?.values() ?? [])]

it('the quick look finds the expected port, whatever else is open', async () => {
  const first = await listen('127.0.0.1')
  for (let i = 0; i < 20; i++) await open(first)
  const second = await listen('127.0.0.1')
  expect(portsIn(quickLook(process.pid, mine(), second))).toContainEqual({ port: second, ipv4: true })
  expect(portsIn(quickLook(process.pid, mine(), first))).toContainEqual({ port: first, ipv4: true })
})

it('it tells where only ::1 is listened on', async () => {
  const port = await listen('::1')
  expect(portsIn(quickLook(process.pid, mine(), port))).toContainEqual({ port, ipv4: false })
})

it('it does not take another process’s socket for ours, and finds nothing where nothing is', async () => {
  const port = await listen('127.0.0.1')
  expect(quickLook(process.pid, new Set(['1']), port).size).toBe(0)
  expect(portsIn(quickLook(process.pid, mine(), 1)).some((one) => one.port === 1)).toBe(false)
})

it('the thorough look sees all that the process listens on', async () => {
  const ports = [await listen('127.0.0.1'), await listen('::1'), await listen('0.0.0.0')]
  const found = portsIn(await listening([process.pid])).map((one) => one.port)
  expect(found).toEqual(expect.arrayContaining(ports))
})
