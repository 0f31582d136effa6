import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import type { Deployment, DeployRequest } from '@appaloft/core/spec'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process as processes, shutdown } from '@appaloft/target-process'

export type Definition = Extract<DeployRequest, { resource: unknown }>['resource']

/** The engine on a state folder, composed as the program composes it. */
export function compose(stateDir: string) {
  const target = processes({ proxy: embedded() })
  const store = sqlite({ path: join(stateDir, 'appaloft.db') })
  const appaloft = createAppaloft({ stateDir, store, targets: [target], planners: [node(), staticSite()] })
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
    rmSync(folder, { recursive: true, force: true })
  }
  return { folder, path, stateDir, end }
}

/** Answers with its version in a few milliseconds, one request in twenty in half a second; keeps upgraded connections open. */
export const quickServer = `
const { createServer } = require('node:http')
let count = 0
const mode = process.env.MODE
if (mode === 'exits') setTimeout(() => process.exit(3), 1000)
const server = createServer((request, response) => {
  response.statusCode = mode === 'sick' ? 500 : 200
  setTimeout(() => response.end(process.env.VERSION ?? ''), ++count % 20 === 0 ? 500 : 3)
})
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {})
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n')
  socket.pipe(socket)
})
setTimeout(() => server.listen(mode === 'elsewhere' ? 0 : process.env.PORT), mode === 'exits' ? 3000 : 0)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`

/** Users that ask without pause. Every answer other than 200 with the identity of a release is a failure. */
export function users(url: string, keepAlive: number, fresh: number) {
  const failures: string[] = []
  const answers = new Map<string, number>()
  let going = true
  const ask = (agent: Agent) =>
    new Promise<void>((done) => {
      const failed = (error: Error) => {
        failures.push(error.message)
        setTimeout(done, 20)
      }
      const request = get(url, { agent, timeout: 10_000 }, (response) => {
        const by = response.headers['x-appaloft-deployment']
        response.on('error', failed).on('end', () => {
          if (response.statusCode !== 200 || typeof by !== 'string') failures.push(`${response.statusCode} by ${by}`)
          else answers.set(by, (answers.get(by) ?? 0) + 1)
          setTimeout(done, 2)
        })
        response.resume()
      })
      request.on('error', failed).on('timeout', () => request.destroy(new Error('no answer in 10 s')))
    })
  const one = async (keep: boolean) => {
    const agent = new Agent({ keepAlive: keep, maxSockets: 1 })
    while (going) await ask(agent)
    agent.destroy()
  }
  const all = Array.from({ length: keepAlive + fresh }, (_, index) => one(index < keepAlive))
  return {
    failures,
    answers,
    total: () => [...answers.values()].reduce((sum, count) => sum + count, 0),
    stop: async () => {
      going = false
      await Promise.all(all)
    },
  }
}

/** An upgraded connection that is answered; tells when it was closed. */
export async function upgraded(url: string) {
  const { hostname, port, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  let closedAt: number | null = null
  socket.on('close', () => {
    closedAt = performance.now()
  })
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`)
  const next = () => new Promise<string>((done) => socket.once('data', (data) => done(String(data))))
  const head = await next()
  const echo = async (text: string) => {
    const answer = next()
    socket.write(text)
    return answer
  }
  return { head, echo, closedAt: () => closedAt, end: () => socket.destroy() }
}

export const urlOf = (deployment: Deployment): string => {
  const [url] = deployment.accessUrls
  if (deployment.status !== 'succeeded' || url === undefined)
    throw new Error(`${deployment.status}: ${JSON.stringify(deployment.failure)}`)
  return url
}
