// Bare calls of the engine's API on kept connections: no release of a new container can be faster.
import { subscribe } from 'node:diagnostics_channel'
import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firstAnswer, since } from '../measure.mjs'

/** Below those that systems give away by themselves, and not where releases are published; each once. */
let nextPort = 10_000 + Math.floor(Math.random() * 9_000)
export const freePort = () => {
  nextPort += 1
  return nextPort
}

export const answersAs = (text) => (answer) => answer.headers['x-run'] === text

export function apiOf(host = 'unix:///var/run/docker.sock') {
  const agent = new http.Agent({ keepAlive: true })
  const socketPath = host.replace(/^unix:\/\//, '')
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-switch-'))
  const call = (method, path, body) =>
    new Promise((resolve, reject) => {
      const content = body === undefined ? '' : JSON.stringify(body)
      const request = http.request(
        {
          socketPath,
          agent,
          method,
          path,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) },
        },
        (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (part) => {
            text += part
          })
          answer.on('end', () =>
            answer.statusCode < 400 ? resolve(text && JSON.parse(text)) : reject(new Error(`${path}: ${text}`)),
          )
        },
      )
      request.on('error', reject).end(content)
    })
  return {
    /** Create, start, first answer, one rename. */
    async floor(image, text) {
      const port = freePort()
      const body = {
        Image: image,
        Env: ['PORT=3000', `RUN=${text}`],
        ExposedPorts: { '3000/tcp': {} },
        HostConfig: { Init: true, PortBindings: { '3000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
      }
      const started = performance.now()
      const { Id: id } = await call('POST', '/containers/create', body)
      try {
        await call('POST', `/containers/${id}/start`)
        await firstAnswer(`http://127.0.0.1:${port}/`, answersAs(text))
        symlinkSync(id, join(folder, 'next'))
        renameSync(join(folder, 'next'), join(folder, 'current'))
        return since(started)
      } finally {
        await call('DELETE', `/containers/${id}?force=true`)
      }
    },
    close: async () => {
      agent.destroy()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Tells every HTTP call of this process that goes through a socket file, with the time until the end of its answer: to be made first of all. */
export function tracer() {
  const { request } = http
  let started = performance.now()
  let all = []
  const shown = (path) => decodeURIComponent(path).replaceAll(/[0-9a-f]{12,}|appaloft\.[^/?"]+/g, '…')
  const tellCall = (at, took, status, method, path, mark = ' ') =>
    all.push({ at, took, text: `${took.toFixed(1).padStart(6)} ms ${mark}${status} ${method} ${shown(path)}` })
  // Those that are sent without waiting for one another.
  subscribe('appaloft:docker:ordered-call', ({ method, path, status, took }) =>
    tellCall(since(started) - took, took, status, method, path, '»'),
  )
  http.request = (...args) => {
    const call = request(...args)
    if (typeof args[0] !== 'object' || args[0].socketPath === undefined) return call
    const at = since(started)
    const { method = 'GET', path } = args[0]
    const told = ({ statusCode }) => tellCall(at, since(started) - at, statusCode, method, path)
    return call.on('response', (answer) => answer.on('close', () => told(answer)))
  }
  // Also for those who import the function by its name.
  syncBuiltinESMExports()
  return {
    begin: () => {
      started = performance.now()
      all = []
    },
    /** Something else that took time. */
    tell: ({ began, took, text }) =>
      all.push({ at: began - started, took, text: `${took.toFixed(1).padStart(6)} ms  ${text}` }),
    calls: () => all,
  }
}
