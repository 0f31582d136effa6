import { afterEach, expect, it } from 'vitest'
import { type Machine, machine, until, urlOf } from '../test/machine.js'

let here: Machine
afterEach(() => here.close())

const listening = (port: string, host: string) => `
  import { createServer } from 'node:http'
  createServer((request, response) => response.end('up')).listen(${port}, ${JSON.stringify(host)})`

const portsOf = async (input: Parameters<Machine['target']['inspect']>[0]) => {
  const [one] = (await here.target.inspect(input)).instances
  return { expected: one?.expectedPort ?? 0, seen: one?.listening ?? [] }
}

it('a release that listens on ::1 alone is reached there', async () => {
  here = await machine()
  const input = await here.deploy({ 'server.mjs': listening('process.env.PORT', '::1') })
  const url = await until('an address', async () => {
    const [address] = (await here.target.reach(input, 80)).upstream
    return address?.kind === 'tcp' && address.host === '::1' ? `http://[::1]:${address.port}` : null
  })
  expect(await (await fetch(url)).text()).toBe('up')
})

it('a release on a port of its own is seen there, and so is one that moves', async () => {
  here = await machine()
  const moving = `
    import { createServer } from 'node:net'
    const first = createServer().listen(0, '127.0.0.1', () => {
      console.log(first.address().port)
      setTimeout(() => first.close(() => createServer().listen(process.env.PORT, '127.0.0.1')), 700)
    })`
  const input = await here.deploy({ 'server.mjs': moving })
  const wrong = await until('the wrong port', async () => {
    const { seen, expected } = await portsOf(input)
    return seen.length === 1 && seen[0] !== expected ? seen[0] : null
  })
  expect(wrong).toBeGreaterThan(0)
  await until('the right port', async () => {
    const { seen, expected } = await portsOf(input)
    return seen.length === 1 && seen[0] === expected ? true : null
  })
})

it('what a child of the release listens on counts', async () => {
  here = await machine()
  const child = JSON.stringify(`require('node:http').createServer((q, s) => s.end('up')).listen(process.env.PORT)`)
  const parent = `
    import { spawn } from 'node:child_process'
    spawn(process.execPath, ['-e', ${child}], { stdio: 'inherit' })`
  const input = await here.deploy({ 'server.mjs': parent })
  await urlOf(here.target, input)
  const { seen, expected } = await portsOf(input)
  expect(seen).toEqual([expected])
  // and what is remembered is given up when it ends
  await here.target.stop(input, 1)
  expect((await portsOf(input)).seen).toEqual([])
})
