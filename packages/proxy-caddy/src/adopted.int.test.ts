import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityHeader, type Proxy, verifyHeader } from '@appaloft/core/spec'
import { afterEach, describe, expect, it } from 'vitest'
import { caddyProgram, freePort, noCaddy, startCaddy, type TestCaddy } from '../test/caddy.js'
import { dep, startRelease, type TestRelease } from '../test/releases.js'
import { hostname, route, table, underLoad, web } from '../test/switching.js'
import type { JsonRecord } from './entries.js'
import { localFiles } from './files.js'
import { type CaddyProxyOptions, caddy } from './index.js'
import { stateIn, writing } from './states.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function begin(config: JsonRecord = {}, options: CaddyProxyOptions = {}): Promise<[TestCaddy, Proxy]> {
  const program = await startCaddy(config)
  ends.push(program.close)
  const proxy = caddy({ admin: program.admin, http: program.http, https: program.https, tls: 'off', ...options })
  await proxy.open!({ stateDir: program.folder })
  return [program, proxy]
}

async function release(number: number): Promise<TestRelease> {
  const one = await startRelease(number)
  ends.push(() => (one.stopped ? undefined : one.stop()))
  return one
}

interface Asked {
  status: number
  identity: string | undefined
  location: string | undefined
  text: string
}

/** A connection that meets a listener as it is replaced is made again: that is not what these tests are about. */
const get = async (place: string, host: string, headers: http.OutgoingHttpHeaders = {}, path = '/'): Promise<Asked> => {
  for (let tries = 1; ; tries++) {
    try {
      return await getOnce(place, host, headers, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET' || tries === 5) throw error
    }
  }
}

const getOnce = (place: string, host: string, headers: http.OutgoingHttpHeaders, path: string): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const [address, port] = place.split(':')
    const req = http.get({ host: address, port, path, agent: false, headers: { host, ...headers } }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      res.on('end', () =>
        resolve({
          status: res.statusCode!,
          identity: res.headers[identityHeader] as string | undefined,
          location: res.headers.location,
          text,
        }),
      )
    })
    req.setTimeout(15_000, () => req.destroy(new Error('no answer')))
    req.on('error', reject)
  })

const answering = (text: string) => ({ handler: 'static_response', body: text })
const foreignPort = await freePort()
const served = (listen: string): JsonRecord => ({
  apps: {
    http: {
      servers: {
        theirs: {
          automatic_https: { disable: true },
          listen: [listen],
          routes: [
            {
              '@id': 'their-shop',
              handle: [answering('shop')],
              match: [{ host: ['shop.example.test'] }],
              terminal: true,
            },
            { handle: [answering('everything else')] },
          ],
        },
        elsewhere: {
          automatic_https: { disable: true },
          listen: [`127.0.0.1:${foreignPort}`],
          routes: [{ handle: [answering('<&>')] }],
        },
      },
    },
  },
})

/** Somebody else's change of their own route. */
const patch = (program: TestCaddy, text: string): Promise<number> =>
  foreignWrite(program, 'PATCH', '/id/their-shop/handle/0', answering(text))

/** Somebody else's new route, after those that they have. */
const append = (program: TestCaddy, host: string): Promise<number> =>
  foreignWrite(program, 'POST', '/config/apps/http/servers/elsewhere/routes', {
    '@id': host,
    match: [{ host: [host] }],
  })

const foreignWrite = (program: TestCaddy, method: string, path: string, content: object): Promise<number> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify(content)
    const req = http.request(
      {
        socketPath: program.admin.replace('unix/', ''),
        method,
        path,
        agent: false,
        setHost: false,
        headers: { Host: '', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (res) => res.resume().on('end', () => resolve(res.statusCode!)),
    )
    req.on('error', reject)
    req.end(body)
  })

describe.skipIf(caddyProgram === null)(`another place to listen (${noCaddy})`, () => {
  it('is taken with the next table; where somebody has it, the former one serves on and can be gone back to', async () => {
    const [program, proxy] = await begin()
    const one = await release(1)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    const elsewhere = async (http: string) => {
      const moved = caddy({ admin: program.admin, http, https: program.https, tls: 'off' })
      await moved.open!({ stateDir: program.folder })
      return moved
    }
    const taken = net.createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    ends.push(() => taken.close())
    const place = `127.0.0.1:${(taken.address() as net.AddressInfo).port}`
    const refused = await elsewhere(place)
    const two = await release(2)
    const staged = table(one, { staged: two.set, verify: { token: 'a'.repeat(32), deploymentId: dep(2) } })
    await expect(refused.apply(web, staged, 1)).rejects.toMatchObject({
      code: 'runtime-backend-unavailable',
      message: expect.stringContaining(place),
      recoveryHint: expect.stringContaining('http and https'),
    })
    await refused.apply(web, table(one), 1)
    const { address } = await refused.endpoint(web)
    expect(address).toEqual({ kind: 'tcp', host: '127.0.0.1', port: Number(program.http.split(':')[1]) })
    expect(await get(program.http, hostname)).toMatchObject({ status: 200, identity: dep(1) })
    expect((await refused.observe(web)).table).toEqual(table(one))

    const free = `127.0.0.1:${await freePort()}`
    const moved = await elsewhere(free)
    await moved.apply(web, staged, 1)
    expect((await moved.endpoint(web)).publicPort).toBe(Number(free.split(':')[1]))
    expect(await get(free, hostname)).toMatchObject({ status: 200, identity: dep(1) })
    await expect(get(program.http, hostname)).rejects.toThrow()
  })
})

describe.skipIf(caddyProgram === null)(`a Caddy that others use too (${noCaddy})`, () => {
  it('keeps what others wrote byte for byte, and is as before when the last resource is gone', async () => {
    const place = `127.0.0.1:${await freePort()}`
    const [program, proxy] = await begin(served(place), { http: place })
    const before = JSON.stringify((await program.api.configuration()).config)
    const one = await release(1)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    expect(await get(place, hostname)).toMatchObject({ status: 200, identity: dep(1) })
    expect((await get(place, 'shop.example.test')).text).toBe('shop')
    expect((await get(place, 'other.example.test')).text).toBe('everything else')
    const { config } = await program.api.configuration()
    const theirs = (config as { apps: { http: { servers: { theirs: { routes: JsonRecord[] } } } } }).apps.http.servers
      .theirs
    theirs.routes = theirs.routes.filter((one) => one['@id'] !== 'appaloft-http')
    expect(JSON.stringify(config)).toBe(before)
    await proxy.remove(web, 1)
    expect(JSON.stringify((await program.api.configuration()).config)).toBe(before)
    expect((await get(place, hostname)).text).toBe('everything else')
  })

  it('refuses a hostname that a route of somebody else names', async () => {
    const place = `127.0.0.1:${await freePort()}`
    const [, proxy] = await begin(served(place), { http: place })
    const one = await release(1)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    const taken = table(one, { routes: [route('shop.example.test')] })
    await expect(proxy.apply(web, taken, 1)).rejects.toMatchObject({ code: 'route-conflict' })
    expect(await proxy.observe(web)).toMatchObject({ table: null })
  })

  it('writes nothing over what somebody else wrote between its look and its write', async () => {
    const place = `127.0.0.1:${await freePort()}`
    const [program, direct] = await begin(served(place), { http: place })
    const writes = ['first', 'second']
    // Caddy's admin API with somebody in front who is always a little faster.
    const front = http.createServer(async (req, res) => {
      const [text] = req.method === 'POST' ? writes.splice(0, 1) : []
      if (text !== undefined) await patch(program, text)
      const to = http.request(
        {
          socketPath: program.admin.replace('unix/', ''),
          method: req.method,
          path: req.url,
          agent: false,
          setHost: false,
          headers: { ...req.headers, host: '', origin: '' },
        },
        async (answer) => {
          let said = ''
          for await (const chunk of answer.setEncoding('utf8')) said += chunk
          // As later versions of Caddy say it.
          res.writeHead(answer.statusCode!, { etag: String(answer.headers.etag ?? answer.trailers.etag) })
          res.end(said)
        },
      )
      req.pipe(to)
    })
    front.listen(0, '127.0.0.1')
    await once(front, 'listening')
    ends.push(() => front.close())
    const { port } = front.address() as net.AddressInfo
    const proxy = caddy({
      admin: `http://127.0.0.1:${port}`,
      http: place,
      tls: 'off',
      root: join(program.folder, 'caddy'),
    })
    const one = await release(1)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    expect(writes).toEqual([])
    expect((await get(place, 'shop.example.test')).text).toBe('second')
    expect((await get(place, hostname)).identity).toBe(dep(1))
    expect(await direct.observe(web)).toMatchObject({ token: 1, table: { live: { deploymentId: dep(1) } } })
  })

  it('changes hostnames and promotes while somebody else changes the configuration all the time', async () => {
    const place = `127.0.0.1:${await freePort()}`
    const [program, proxy] = await begin(served(place), { http: place })
    let written = 0
    const added: string[] = []
    let running = true
    const other = (async () => {
      while (running) {
        const status = await patch(program, `version ${written + 1}`).catch(() => 0)
        if (status === 200) written++
        await sleep(15)
        // Each of these stays, so that any one that we wrote over would be missed.
        const name = `their-${added.length}`
        if ((await append(program, name).catch(() => 0)) === 200) added.push(name)
        await sleep(15)
      }
    })()
    ends.push(() => {
      running = false
      return other
    })
    const [one, two] = [await release(1), await release(2)]
    for (let at = 1; at <= 6; at++) {
      const id = `res_r${at}`
      const routes = [route(`r${at}.example.test`)]
      await proxy.fence(id, 1, { expected: 0, owner: dep(1) })
      for (const live of [one, two, one]) {
        await proxy.apply(id, table(live, { routes }), 1)
        expect((await get(place, `r${at}.example.test`)).identity).toBe(live.set.deploymentId)
      }
    }
    await proxy.remove('res_r1', 1)
    running = false
    await other
    expect(written).toBeGreaterThan(6)
    const { config } = await program.api.configuration()
    const { routes } = (config as { apps: { http: { servers: { elsewhere: { routes: JsonRecord[] } } } } }).apps.http
      .servers.elsewhere
    expect(routes.slice(1).map((one) => one['@id'])).toEqual(added)
    console.log(`${written + added.length} changes by somebody else meanwhile, none lost`)
    expect((await get(place, 'shop.example.test')).text).toBe(`version ${written}`)
    expect((await get(place, 'r1.example.test')).text).toBe('everything else')
    for (let at = 2; at <= 6; at++) expect((await get(place, `r${at}.example.test`)).identity).toBe(dep(1))
  })

  it('mixes no answer when hostnames are added under load, and says what that costs', async () => {
    const [program, proxy] = await begin()
    const load = await underLoad(proxy, Number(program.http.split(':')[1]))
    ends.push(load.close)
    const added = 8
    await sleep(1_000)
    const { findings } = load.clients
    expect(findings.failed).toEqual([])
    for (let at = 1; at <= added; at++) {
      const routes = Array.from({ length: at + 1 }, (_, n) => route(n === 0 ? hostname : `n${n}.example.test`))
      await proxy.apply(web, table(load.live(), { routes }), load.token())
      await sleep(250)
    }
    const { failed, cut, requests, wrong } = await load.clients.end()
    console.log(
      `${added} hostnames added under load: ${failed.length} of ${requests} requests failed, ${cut.length} long connections cut`,
    )
    console.log([...new Set(failed)].join('; '))
    expect(wrong).toEqual([])
    expect((await get(program.http, `n${added}.example.test`)).identity).toBe(dep(1))
  })
})

describe.skipIf(caddyProgram === null)(`Caddy and its markers (${noCaddy})`, () => {
  it('is not moved by what a former holder of the lease still writes', async () => {
    const [program, proxy] = await begin()
    const [one, two] = [await release(1), await release(2)]
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    const folder = join(program.folder, 'caddy', web)
    const [generation] = (await readdir(folder)).filter((name) => name.startsWith('g'))
    await proxy.fence(web, 2, { expected: 1, owner: dep(2) })
    // As one would that passed its check before the fence was raised, and slept.
    const stale = { table: table(two), former: [] }
    const late = writing({
      folder: join(folder, generation!),
      group: null,
      rank: { token: 1, number: 99 },
      state: stale,
      present: [],
    })
    const { generations } = await localFiles.change(folder, late)
    expect((await get(program.http, hostname)).identity).toBe(dep(1))
    expect(generations.map((found) => stateIn(found)?.rank.token)).toEqual([2])
    expect((await proxy.observe(web)).table?.live?.deploymentId).toBe(dep(1))
    await expect(proxy.apply(web, table(two), 1)).rejects.toMatchObject({ code: 'fenced' })
  })

  it('is not moved by a former holder that was overtaken while Caddy answered it', async () => {
    const [program, proxy] = await begin()
    const [one, two] = [await release(1), await release(2)]
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    const socketPath = program.admin.replace('unix/', '')
    const place = join(program.folder, 'relay.sock')
    let raised = false
    const relay = http.createServer(async (call, answer) => {
      if (!raised) {
        raised = true
        await proxy.fence(web, 2, { expected: 1, owner: dep(2) })
      }
      const { method, url: path, headers } = call
      const onward = http.request({ socketPath, method, path, headers, agent: false, setHost: false }, (given) => {
        answer.writeHead(given.statusCode!, { ...given.headers, trailer: 'etag' })
        given.on('data', (chunk) => answer.write(chunk))
        given.on('end', () => {
          answer.addTrailers(Object.fromEntries(Object.entries(given.trailers).map(([name, value]) => [name, value!])))
          answer.end()
        })
      })
      call.pipe(onward)
    })
    await once(relay.listen(place), 'listening')
    ends.push(() => relay.close())
    const loser = caddy({ admin: `unix/${place}`, http: program.http, tls: 'off' })
    await loser.open!({ stateDir: program.folder })
    await expect(loser.apply(web, table(two), 1)).rejects.toMatchObject({ code: 'fenced' })
    expect(raised).toBe(true)
    expect((await proxy.observe(web)).table?.live?.deploymentId).toBe(dep(1))
    expect((await get(program.http, hostname)).identity).toBe(dep(1))
  })

  it('gives a request whose release went before it arrived to the new one', { timeout: 30_000 }, async () => {
    const [program, proxy] = await begin()
    // A listener whose queue is full: who dials it waits, until the time for it is over.
    const child = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`,
    ])
    ends.push(() => child.kill('SIGKILL'))
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    const port = Number(said)
    child.kill('SIGSTOP')
    const fillers = Array.from({ length: 4 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
    ends.push(() => {
      for (const socket of fillers) socket.destroy()
    })
    await sleep(100)
    const two = await release(2)
    const gone: TestRelease = {
      ...two,
      set: { deploymentId: dep(1), releaseId: 'rel_gone', addresses: [{ kind: 'tcp', host: '127.0.0.1', port }] },
    }
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(gone), 1)
    const answer = get(program.http, hostname)
    await sleep(300)
    await proxy.apply(web, table(two), 1)
    expect(await answer).toMatchObject({ status: 200, identity: dep(2) })
  })

  it('is killed and back as it was, and says so while it is gone', async () => {
    const [program, proxy] = await begin()
    const [one, two] = [await release(1), await release(2)]
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    await program.kill()
    await expect(proxy.apply(web, table(two), 1)).rejects.toMatchObject({ code: 'runtime-backend-unavailable' })
    await expect(proxy.observe(web)).rejects.toMatchObject({ code: 'runtime-backend-unavailable' })
    expect(await proxy.mark(web)).toBe(1)
    await program.start()
    expect((await get(program.http, hostname)).identity).toBe(dep(1))
    await proxy.apply(web, table(two), 1)
    expect((await get(program.http, hostname)).identity).toBe(dep(2))
  })

  it('is started where it does not run', async () => {
    const [program] = await begin()
    await program.kill()
    const proxy = caddy({ admin: program.admin, http: program.http, start: program.start })
    await proxy.open!({ stateDir: program.folder })
    const one = await release(1)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    expect((await get(program.http, hostname)).identity).toBe(dep(1))
  })

  it('sees that somebody threw its routes away, and writes them again', async () => {
    const [program, proxy] = await begin()
    const one = await release(1)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    await proxy.apply(web, table(one), 1)
    const { etag } = await program.api.configuration()
    await program.api.replace({ admin: { listen: program.admin } }, etag)
    expect((await proxy.observe(web)).table).toBeNull()
    await proxy.apply(web, table(one), 1)
    expect((await get(program.http, hostname)).identity).toBe(dep(1))
  })

  it('serves TLS with a certificate of its own authority, and leads there all but the engine', async () => {
    const [program, proxy] = await begin({}, { tls: 'internal' })
    const one = await release(1)
    const token = 'a'.repeat(32)
    await proxy.fence(web, 1, { expected: 0, owner: dep(1) })
    const routes = [route(hostname, { tls: 'auto' }), route('clear.example.test')]
    await proxy.apply(web, table(one, { routes, verify: { token, deploymentId: dep(1) } }), 1)
    const [host, port] = program.https.split(':')
    expect(await proxy.endpoint(web)).toMatchObject({ publicScheme: 'https', publicPort: Number(port) })
    expect(await get(program.http, hostname, {}, '/x?y=1')).toMatchObject({
      status: 308,
      location: `https://${hostname}:${port}/x?y=1`,
    })
    expect((await get(program.http, hostname, { [verifyHeader]: token })).identity).toBe(dep(1))
    expect((await get(program.http, 'clear.example.test')).identity).toBe(dep(1))
    const secured = () =>
      new Promise<{ identity: unknown; issuer: string; names: string }>((resolve, reject) => {
        const req = https.get(
          { host, port, servername: hostname, rejectUnauthorized: false, agent: false, headers: { host: hostname } },
          (res) => {
            const peer = (res.socket as import('node:tls').TLSSocket).getPeerCertificate()
            res.resume()
            resolve({
              identity: res.headers[identityHeader],
              issuer: String(peer.issuer.CN),
              names: peer.subjectaltname ?? '',
            })
          },
        )
        req.on('error', reject)
      })
    // The certificate is signed in the background.
    await expect.poll(secured, { timeout: 20_000 }).toMatchObject({ identity: dep(1), names: `DNS:${hostname}` })
    expect((await secured()).issuer).toMatch(/^Appaloft/)
    expect(program.log()).not.toMatch(/install.*trust|trusted/i)
  })
})
