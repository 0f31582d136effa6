import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createAppaloft } from '@appaloft/core'
import type { Deployment, DeployRequest, Store } from '@appaloft/core/spec'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { keptProxy, process as processes, shutdown } from '@appaloft/target-process'

export type Definition = Extract<DeployRequest, { resource: unknown }>['resource']

/** Local processes, or containers under a scope of a Docker Engine. */
export type Composition = 'process' | `docker:${string}`

/** The engine on a state folder, composed as the program composes it. */
export function compose(stateDir: string, on: Composition = 'process', store?: Store) {
  const proxy = embedded()
  const scope = on.split(':')[1]
  const target =
    scope === undefined
      ? processes({ proxy })
      : docker({
          ...{ scope, proxy, proxyContext: keptProxy },
          cli: process.env.APPALOFT_TEST_DOCKER ?? 'docker',
          baseImage: ({ version }) => `node:${version.split('.')[0]}-slim`,
        })
  const appaloft = createAppaloft({
    stateDir,
    store: store ?? sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: [target],
    planners: [node(), staticSite()],
  })
  return { target, appaloft }
}

/** A folder with an application and a state folder; `end` stops what runs and removes both. */
export function place(server: string) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-live-'))
  const path = join(folder, 'app')
  const stateDir = join(folder, 'state')
  mkdirSync(path)
  const named = { name: 'live', version: '1.0.0' }
  writeFileSync(join(path, 'package.json'), JSON.stringify({ ...named, scripts: { start: 'node server.cjs' } }))
  const lock = { ...named, lockfileVersion: 3, packages: { '': named } }
  writeFileSync(join(path, 'package-lock.json'), JSON.stringify(lock))
  writeFileSync(join(path, 'server.cjs'), server)
  const end = async () => {
    await shutdown(stateDir, { force: true })
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  return { folder, path, stateDir, end }
}

/**
 * Answers with the deployment that it belongs to in a few milliseconds, one request in twenty in half a second. With `WS`, the path of
 * the package ws, it takes WebSockets too, and answers each message with its deployment and the message. In the mode `sours` it fails on
 * hostnames that begin with `sour.`: of the checks, access alone minds, after the promotion.
 */
export const quickServer = `
const { createServer } = require('node:http')
const { MODE: mode, WS: ws, APPALOFT_DEPLOYMENT_ID: id } = process.env
let count = 0
if (mode === 'exits') setTimeout(() => process.exit(3), 1000)
const server = createServer((request, response) => {
  const sour = mode === 'sours' && request.headers.host.startsWith('sour.')
  response.statusCode = mode === 'sick' || sour ? 500 : 200
  if (++count % 20 === 0) setTimeout(() => response.end(id + ' slow'), 500)
  else setTimeout(() => response.end(id), 3)
})
if (ws) new (require(ws).WebSocketServer)({ server }).on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(binary ? data : id + ' ' + data, { binary }))
})
setTimeout(() => server.listen(mode === 'elsewhere' ? 0 : process.env.PORT), mode === 'exits' ? 3000 : 0)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`

/** One answer, in milliseconds of `performance.now()`. */
export interface Answered {
  client: number
  /** The deployment, as the proxy tells it. */
  by: string
  askedAt: number
  answeredAt: number
  slow: boolean
  /** On a connection that had carried a request before. */
  reused: boolean
}

/** Users that ask without pause. All but 200 by a deployment that proxy and application name alike is a failure. */
export function users(url: string, keepAlive: number, fresh: number) {
  const failures: string[] = []
  const all: Answered[] = []
  let going = true
  const ask = (client: number, agent: Agent) =>
    new Promise<void>((done) => {
      const askedAt = performance.now()
      const failed = (error: Error) => {
        failures.push(error.message)
        setTimeout(done, 20)
      }
      const request = get(url, { agent, timeout: 10_000 }, (response) => {
        const by = response.headers['x-appaloft-deployment']
        let body = ''
        response.setEncoding('utf8').on('data', (text) => {
          body += text
        })
        response.on('error', failed).on('end', () => {
          const [told, slow] = body.split(' ')
          if (response.statusCode !== 200 || typeof by !== 'string' || told !== by)
            failures.push(`${response.statusCode} by ${by}, body ${body}`)
          else {
            const { reusedSocket: reused } = request
            all.push({ client, by, askedAt, answeredAt: performance.now(), slow: slow === 'slow', reused })
          }
          setTimeout(done, 2)
        })
      })
      request.on('error', failed).on('timeout', () => request.destroy(new Error('no answer in 10 s')))
    })
  const one = async (client: number) => {
    const agent = new Agent({ keepAlive: client < keepAlive, maxSockets: 1 })
    while (going) await ask(client, agent)
    agent.destroy()
  }
  const clients = Array.from({ length: keepAlive + fresh }, (_, client) => one(client))
  return {
    failures,
    all,
    by: () => new Set(all.map((answer) => answer.by)),
    total: () => all.length,
    stop: async () => {
      going = false
      await Promise.all(clients)
    },
  }
}

export const urlOf = (deployment: Deployment): string => {
  const [url] = deployment.accessUrls
  if (deployment.status !== 'succeeded' || url === undefined)
    throw new Error(`${deployment.status}: ${JSON.stringify(deployment.failure)}`)
  return url
}
