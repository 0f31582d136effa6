import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Envelope } from '@appaloft/core'
import { shutdown } from '@appaloft/target-process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deploy, serve } from './index.js'

const token = 'a-token-for-this-test-alone'
let folder: string
let servers: Awaited<ReturnType<typeof serve>>[]

async function app(name: string, server: string): Promise<string> {
  const path = join(folder, 'apps', name)
  await mkdir(path, { recursive: true })
  const manifest = { name, private: true, type: 'module', scripts: { start: 'node server.js' } }
  await writeFile(join(path, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(path, 'server.js'), server)
  return path
}

/** Two engines in front of one file, as in two processes. */
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'appaloft-http-')))
  await mkdir(join(folder, 'apps'))
  const options = { apps: join(folder, 'apps'), stateDir: join(folder, 'state'), token }
  servers = [await serve(options), await serve(options)]
})
afterAll(async () => {
  for (const server of servers) await server.close()
  await shutdown(join(folder, 'state'), { force: true })
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

const get = (server: number, path: string, headers: Record<string, string> = {}) =>
  fetch(`${servers[server]!.url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } })
const envelopes = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)) as Envelope)

it('deploys a folder over HTTP, and tells what happens on the way', async () => {
  const path = await app(
    'hello',
    `import { createServer } from 'node:http'
     createServer((_, answer) => answer.end('hello over HTTP')).listen(process.env.PORT ?? 3000)`,
  )
  const said: string[] = []
  const deployment = await deploy(servers[0]!.url, token, path, (line) => said.push(line))
  expect(deployment).toMatchObject({ resourceId: 'res_hello', status: 'succeeded', failure: null })
  expect(said[0]).toBe('deployment-accepted')
  expect(said).toContain('traffic-promoted promote')
  expect(said.at(-1)).toBe('deployment-finished')
  const answer = await fetch(deployment.accessUrls[0]!)
  expect(await answer.text()).toBe('hello over HTTP')
  expect(answer.headers.get('x-appaloft-deployment')).toBe(deployment.id)
})

it('follows an attempt of another engine live, and goes on after a cut where it was', async () => {
  const started = await fetch(`${servers[0]!.url}/api/resources/res_hello/redeploy`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  const { id, eventsUrl } = (await started.json()) as { id: string; eventsUrl: string }
  // Through the other engine: a few messages, then the connection breaks.
  const away = new AbortController()
  const first = await fetch(`${servers[1]!.url}${eventsUrl}`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    signal: away.signal,
  })
  let text = ''
  for await (const part of first.body!.pipeThrough(new TextDecoderStream())) {
    text += part
    if (envelopes(text.slice(0, text.lastIndexOf('\n\n'))).length >= 5) break
  }
  // The message that was cut is not counted.
  text = text.slice(0, text.lastIndexOf('\n\n'))
  const last = [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1]
  away.abort()
  const rest = await get(1, eventsUrl, { accept: 'text/event-stream', 'last-event-id': last ?? '' })
  const seen = [...envelopes(text), ...envelopes(await rest.text())]

  expect((await (await get(0, `/api/deployments/${id}`)).json()) as object).toMatchObject({ status: 'succeeded' })
  const lines = await (await get(0, eventsUrl)).text()
  expect(seen).toEqual(
    lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Envelope),
  )
  expect(seen.at(-1)).toMatchObject({ kind: 'closed', reason: 'completed' })
})

it('tells nobody without the token, and nothing of the machine', async () => {
  for (const authorization of ['', 'Bearer another-token-altogether', `Basic ${token}`]) {
    const answer = await get(0, '/api/deployments', { authorization })
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'endpoint-not-found'])
  }
  await expect(deploy(servers[0]!.url, token, folder, () => {})).rejects.toThrow('400 source-not-allowed')

  const path = await app(
    'broken',
    `if (process.env.PORT) throw new Error('no database at ' + import.meta.dirname + '/data.db')`,
  )
  const failed = await deploy(servers[0]!.url, token, path, () => {})
  expect(failed).toMatchObject({ status: 'failed', failure: { code: 'process-exited' } })
  expect(failed.failure?.lastLogs.join('\n')).toMatch(/no database at <hidden>/)
  for (const part of ['', '/events', '/diagnostics', '/recovery']) {
    const text = await (await get(0, `/api/deployments/${failed.id}${part}`)).text()
    expect([part, text.includes(folder)]).toEqual([part, false])
  }
  // The former release goes on.
  const resource = await (await get(1, '/api/resources/res_hello')).json()
  expect(resource).toMatchObject({ status: { observed: { state: 'running' }, drift: [] } })
})
