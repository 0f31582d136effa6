import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode, type RouteTable } from '@appaloft/core/spec'
import { afterEach, describe, expect, it } from 'vitest'
import { controlSocketPath, type ProxyDaemon, pingProxyDaemon, startProxyDaemon } from '../daemon.js'
import { embedded } from '../index.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'appaloft-proxy-'))
  ends.push(() => rm(path, { recursive: true, force: true }))
  return path
}

async function start(
  stateDir: string,
  options: Partial<Parameters<typeof startProxyDaemon>[0]> = {},
): Promise<ProxyDaemon> {
  const daemon = await startProxyDaemon({ stateDir, ...options })
  ends.push(() => daemon.close({ graceMs: 0 }))
  return daemon
}

async function client(stateDir: string, ensure?: () => Promise<void>, options: Parameters<typeof embedded>[0] = {}) {
  const proxy = embedded(options)
  await proxy.open!({ stateDir, ensure })
  ends.push(() => proxy.close!())
  return proxy
}

const token = 'f00dfeedf00dfeedf00dfeedf00dfeed'
const table = (hostname: string | null, port = 9): RouteTable => ({
  routes: [{ hostname, pathPrefix: '/', pathHandling: 'preserve', redirectTo: null, tls: 'off' }],
  live: { deploymentId: 'dep_one', releaseId: 'rel_one', addresses: [{ kind: 'tcp', host: '127.0.0.1', port }] },
  staged: null,
  verify: { token, deploymentId: 'dep_one' },
  identity: 'always',
})

describe('the daemon', () => {
  it('answers a ping, and none where it does not run', async () => {
    const stateDir = await folder()
    expect(await pingProxyDaemon(stateDir)).toBeNull()
    const daemon = await start(stateDir)
    expect(await pingProxyDaemon(stateDir)).toMatchObject({ protocol: 1, pid: process.pid, problems: [] })
    await daemon.close()
    await daemon.closed
    expect(await pingProxyDaemon(stateDir)).toBeNull()
  })

  it('refuses to run twice on one folder, and replaces a socket that nobody serves', async () => {
    const stateDir = await folder()
    await start(stateDir)
    await expect(startProxyDaemon({ stateDir })).rejects.toThrow('runs already')
    const other = await folder()
    await mkdir(join(other, 'proxy'), { mode: 0o700 })
    await writeFile(controlSocketPath(other), '')
    await start(other)
    expect(await pingProxyDaemon(other)).not.toBeNull()
  })

  it('steps aside for another daemon that took its socket over', async () => {
    const stateDir = await folder()
    const first = await start(stateDir)
    const proxy = await client(stateDir)
    await proxy.fence('res_a', 3, { expected: 0, owner: 'dep_one' })
    await rm(controlSocketPath(stateDir))
    await start(stateDir)
    await first.closed
    expect(await pingProxyDaemon(stateDir)).not.toBeNull()
    expect(await proxy.mark('res_a')).toBe(3)
  })

  it('refuses a table that it cannot understand, since that may hold fences', async () => {
    const stateDir = await folder()
    await mkdir(join(stateDir, 'proxy'), { recursive: true })
    for (const text of ['{"version":1,', '{"version":2,"listen":{},"resources":{}}', '{"version":1}']) {
      await writeFile(join(stateDir, 'proxy', 'table.json'), text)
      await expect(startProxyDaemon({ stateDir })).rejects.toThrow('cannot be understood')
    }
    expect(await pingProxyDaemon(stateDir)).toBeNull()
  })

  it('keeps its files from others', async () => {
    const stateDir = await folder()
    await start(stateDir)
    await (await client(stateDir)).apply('res_a', table(null), 1)
    const mode = async (path: string) => (await stat(path)).mode & 0o777
    expect(await mode(join(stateDir, 'proxy'))).toBe(0o700)
    expect(await mode(join(stateDir, 'proxy', 'table.json'))).toBe(0o600)
    expect(await mode(controlSocketPath(stateDir))).toBe(0o600)
  })

  it('never logs a token, a path or a query', async () => {
    const stateDir = await folder()
    const lines: string[] = []
    await start(stateDir, { log: (line) => lines.push(line) })
    const proxy = await client(stateDir)
    await proxy.apply('res_a', table(null), 1)
    const { publicPort } = await proxy.endpoint('res_a')
    const answer = await fetch(`http://127.0.0.1:${publicPort}/private?secret=1`, {
      headers: { 'x-appaloft-verify': token },
    })
    expect(answer.status).toBe(502)
    expect(lines.join('\n')).toContain('dep_one did not answer: ECONNREFUSED')
    expect(lines.join('\n')).not.toMatch(/private|secret|f00dfeed/)
  })

  it('waits for a port that someone else took, and says so', async () => {
    const stateDir = await folder()
    const first = await start(stateDir)
    const proxy = await client(stateDir)
    await proxy.apply('res_a', table(null), 1)
    const { publicPort } = await proxy.endpoint('res_a')
    await first.close()
    const thief = net.createServer().listen(publicPort, '127.0.0.1')
    ends.push(() => thief.close())
    await new Promise((resolve) => thief.once('listening', resolve))
    await start(stateDir)
    expect((await pingProxyDaemon(stateDir))?.problems).toEqual([expect.stringContaining(String(publicPort))])
    await expect(proxy.endpoint('res_a')).rejects.toThrow('another process listens there')
    await expect(proxy.apply('res_a', table(null), 1)).rejects.toThrow('another process listens there')
    await new Promise((resolve) => thief.close(resolve))
    await expect.poll(async () => (await pingProxyDaemon(stateDir))?.problems, { timeout: 3_000 }).toEqual([])
    expect((await proxy.endpoint('res_a')).publicPort).toBe(publicPort)
  })

  it('lets requests finish when it closes, for as long as it is given', async () => {
    let release: () => void = () => {}
    const upstream = http.createServer((_req, res) => {
      release = () => res.end('whole')
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    ends.push(() => upstream.close())
    const { port } = upstream.address() as net.AddressInfo
    const stateDir = await folder()
    const daemon = await start(stateDir)
    const proxy = await client(stateDir)
    await proxy.apply('res_a', table(null, port), 1)
    const { publicPort } = await proxy.endpoint('res_a')
    const answer = fetch(`http://127.0.0.1:${publicPort}/`).then((res) => res.text())
    await expect.poll(async () => (await proxy.observe('res_a')).inFlight[0]?.count).toBe(1)
    const closing = daemon.close({ graceMs: 5_000 })
    await expect(fetch(`http://127.0.0.1:${publicPort}/`)).rejects.toThrow()
    release()
    expect(await answer).toBe('whole')
    await closing
  })
})

describe('the client', () => {
  it('starts nothing for what it is asked about resources without routes', async () => {
    const stateDir = await folder()
    const never = async () => {
      throw new Error('started')
    }
    const proxy = await client(stateDir, never)
    expect(await proxy.mark('res_a')).toBe(0)
    expect(await proxy.observe('res_a')).toEqual({ table: null, token: 0, inFlight: [] })
    await expect(proxy.endpoint('res_a')).rejects.toThrow('no route of res_a')
    await proxy.remove('res_a', 1)
    await proxy.cut!('res_a', 'dep_one', 1)
    await expect(proxy.apply('res_a', table(null), 1)).rejects.toThrow('started')
  })

  it('reads the table on disk where nothing runs, fences included', async () => {
    const stateDir = await folder()
    const daemon = await start(stateDir)
    const proxy = await client(stateDir)
    await proxy.fence('res_a', 7, { expected: 0, owner: 'dep_one' })
    await daemon.close()
    expect(await proxy.mark('res_a')).toBe(7)
    expect((await proxy.observe('res_a')).token).toBe(7)
    await expect(proxy.remove('res_a', 6)).rejects.toSatisfy((error) => hasCode(error, 'fenced'))
    await expect(proxy.cut!('res_a', 'dep_one', 6)).rejects.toSatisfy((error) => hasCode(error, 'fenced'))
    await expect(proxy.fence('res_a', 8, { expected: 7, owner: 'dep_two' })).rejects.toSatisfy((error) =>
      hasCode(error, 'runtime-backend-unavailable'),
    )
  })

  it('has the daemon started once, and started again when it died', async () => {
    const stateDir = await folder()
    let daemon: ProxyDaemon | undefined
    let starts = 0
    const proxy = await client(stateDir, async () => {
      starts++
      // As a keeper would: said to run a moment before it answers.
      setTimeout(() => void start(stateDir).then((one) => (daemon = one)), 50)
    })
    await proxy.apply('res_a', table(null), 1)
    expect(starts).toBe(1)
    const before = await proxy.endpoint('res_a')
    await daemon!.close({ graceMs: 0 })
    expect((await proxy.observe('res_a')).table).toEqual(table(null))
    expect(starts).toBe(2)
    expect(await proxy.endpoint('res_a')).toEqual(before)
  })

  it('moves the shared listener where it is asked to, and keeps it there', async () => {
    const stateDir = await folder()
    await start(stateDir)
    const proxy = await client(stateDir)
    await proxy.apply('res_a', table('a.example.test'), 1)
    const first = await proxy.endpoint('res_a')
    const port = first.publicPort + 1
    const moved = await client(stateDir, undefined, { port })
    await moved.apply('res_a', table('a.example.test'), 1)
    expect((await moved.endpoint('res_a')).publicPort).toBe(port)
    await expect(fetch(`http://127.0.0.1:${first.publicPort}/`)).rejects.toThrow()
    await proxy.apply('res_a', table('a.example.test'), 1)
    expect((await proxy.endpoint('res_a')).publicPort).toBe(port)
  })

  it('leaves everything as it was where a listener cannot be opened', async () => {
    const stateDir = await folder()
    await start(stateDir)
    const taken = net.createServer().listen(0, '127.0.0.1')
    ends.push(() => taken.close())
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as net.AddressInfo
    const proxy = await client(stateDir, undefined, { port })
    await expect(proxy.apply('res_a', table('a.example.test'), 1)).rejects.toThrow('another process listens there')
    expect((await proxy.observe('res_a')).table).toBeNull()
  })

  it('tells an incompatible daemon apart from none', async () => {
    const stateDir = await folder()
    await mkdir(join(stateDir, 'proxy'), { mode: 0o700 })
    const future = net.createServer((socket) => {
      socket.on('data', (data) =>
        socket.write(`{"protocol":99,"id":${JSON.parse(String(data)).id},"ok":true,"value":null}\n`),
      )
    })
    await new Promise<void>((resolve) => future.listen(controlSocketPath(stateDir), resolve))
    ends.push(() => future.close())
    const proxy = await client(stateDir)
    await expect(proxy.mark('res_a')).rejects.toThrow('speaks protocol 99')
    expect((await pingProxyDaemon(stateDir))?.protocol).toBe(99)
  })

  it('refuses tables that are not valid before anything is asked', async () => {
    const proxy = await client(await folder())
    const wrong = { ...table('a.example.test'), identity: 'sometimes' } as unknown as RouteTable
    await expect(proxy.apply('res_a', wrong, 1)).rejects.toSatisfy((error) => hasCode(error, 'invalid-input'))
    expect(() => embedded({ port: 70_000 })).toThrow('port')
  })

  it('meets the daemon under paths that are too long for a socket', async () => {
    const stateDir = join(await folder(), 'x'.repeat(90))
    await mkdir(stateDir)
    ends.push(() => rm(join(controlSocketPath(stateDir), '..'), { recursive: true, force: true }))
    expect(controlSocketPath(stateDir).length).toBeLessThan(90)
    await start(stateDir)
    const proxy = await client(stateDir)
    await proxy.fence('res_a', 2, { expected: 0, owner: 'dep_one' })
    expect(await readFile(join(stateDir, 'proxy', 'table.json'), 'utf8')).toContain('"token":2')
    await sleep(1)
    expect(await proxy.mark('res_a')).toBe(2)
  })
})
