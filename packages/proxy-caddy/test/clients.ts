import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityHeader } from '@appaloft/core/spec'

/**
 * Which deployments may answer: a request that begins now is answered by none before `earliest`, and by none after what `latest` is when its
 * answer comes. Ids are compared as texts.
 */
export interface Moment {
  earliest: string
  latest: string
}

export interface Watch {
  port: number
  hostname: string
  moment(): Moment
  /** Has this release been stopped? Only then may a long connection to it end. */
  stopped(deploymentId: string): boolean
}

export interface Findings {
  requests: number
  failed: string[]
  /** Answered by a release that was not live, or that is not the one that the identity names. */
  wrong: string[]
  /** Long connections that ended although their release was not stopped. */
  cut: string[]
  answeredBy: Set<string>
}

const headOf = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.*)$`, 'im').exec(text.split('\r\n\r\n')[0] ?? '')?.[1]?.trim()

/** Eight clients who never rest: kept connections and new ones, slow requests, uploads, server-sent events and a WebSocket. */
export function busyClients(watch: Watch): { findings: Findings; end(): Promise<Findings> } {
  const findings: Findings = { requests: 0, failed: [], wrong: [], cut: [], answeredBy: new Set() }
  const kept = () => new http.Agent({ keepAlive: true, maxSockets: 1 })
  const agents: http.Agent[] = []
  let running = true

  const judge = (identity: string | undefined, before: Moment, what: string) => {
    findings.answeredBy.add(identity ?? '')
    const { earliest } = before
    const { latest } = watch.moment()
    if (identity === undefined || identity < earliest || identity > latest)
      findings.wrong.push(`${what}: ${identity}, expected ${earliest} to ${latest}`)
  }

  const ask = async (
    agent: http.Agent | undefined,
    path: string,
    body: Buffer | null,
    slowly: boolean,
  ): Promise<void> => {
    const before = watch.moment()
    findings.requests++
    const what = `${body === null ? 'GET' : 'POST'} ${path}`
    try {
      const req = http.request({
        host: '127.0.0.1',
        port: watch.port,
        path,
        method: body === null ? 'GET' : 'POST',
        agent: agent ?? false,
        headers: { host: watch.hostname, ...(body === null || slowly ? {} : { 'content-length': body.length }) },
      })
      req.setTimeout(10_000, () => req.destroy(new Error('no answer within 10 seconds')))
      const answered = once(req, 'response') as Promise<[http.IncomingMessage]>
      answered.catch(() => {})
      // Whatever comes after the answer began ends its reading.
      req.on('error', () => {})
      if (body !== null && slowly) {
        for (let at = 0; at < body.length; at += body.length / 8) {
          req.write(body.subarray(at, at + body.length / 8))
          await sleep(8)
        }
        req.end()
      } else req.end(body ?? undefined)
      const [res] = await answered
      let text = ''
      for await (const chunk of res.setEncoding('utf8')) text += chunk
      const identity = res.headers[identityHeader] as string | undefined
      if (res.statusCode !== 200) throw new Error(`answered ${res.statusCode} by ${identity}`)
      const said = JSON.parse(text) as { id: string; length: number }
      if (said.id !== identity) findings.wrong.push(`${what}: ${said.id} answered as ${identity}`)
      if (said.length !== (body?.length ?? 0)) findings.wrong.push(`${what}: ${said.length} bytes arrived`)
      judge(identity, before, what)
    } catch (error) {
      findings.failed.push(`${what}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`)
    }
  }

  const again = async (agent: http.Agent | undefined, path: string, body: Buffer | null = null, slowly = false) => {
    if (agent !== undefined) agents.push(agent)
    while (running) await ask(agent, path, body, slowly)
  }

  /** One that stays open until its release is stopped. `beat` says what is expected to come back. */
  const long = async (what: string, head: string, beat: string | null): Promise<void> => {
    while (running) {
      const before = watch.moment()
      findings.requests++
      const socket = net.connect(watch.port, '127.0.0.1')
      let text = ''
      socket.setEncoding('latin1')
      socket.on('error', () => {})
      socket.on('data', (data: string) => {
        text = (text + data).slice(0, 4_000)
      })
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.write(head)
      const deadline = performance.now() + 5_000
      while (!text.includes('\r\n\r\n') && !socket.destroyed && performance.now() < deadline) await sleep(2)
      const identity = headOf(text, identityHeader)
      if (!/^HTTP\/1\.1 (200|101)/.test(text)) {
        findings.failed.push(`${what}: ${text.slice(0, 30) || 'no answer'}`)
        socket.destroy()
        continue
      }
      judge(identity, before, what)
      while (running && !socket.destroyed) {
        if (beat !== null) socket.write(beat)
        await Promise.race([sleep(25), closed])
      }
      if (running && !watch.stopped(identity ?? '')) findings.cut.push(`${what} to ${identity}`)
      socket.destroy()
    }
  }

  const host = `Host: ${watch.hostname}\r\n`
  const clients = [
    again(kept(), '/'),
    again(kept(), '/upload', Buffer.alloc(2_000, 1)),
    again(undefined, '/'),
    again(kept(), '/slow'),
    again(undefined, '/slow'),
    again(undefined, '/upload', Buffer.alloc(256 * 1024, 2), true),
    long('events', `GET /events HTTP/1.1\r\n${host}\r\n`, null),
    long(
      'WebSocket',
      `GET /socket HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGVzdGluZyB0dW5uZWxzIQ==\r\n\r\n`,
      'echo',
    ),
  ]
  return {
    findings,
    async end() {
      running = false
      await Promise.all(clients)
      for (const agent of agents) agent.destroy()
      return findings
    },
  }
}
