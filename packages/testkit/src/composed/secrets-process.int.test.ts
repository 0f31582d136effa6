import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppaloft, type ResourceDefinition } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { shutdown, process as target } from '@appaloft/target-process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { finder, needlesOf, secretValues, textOf } from '../../test/encoders.js'

// Real processes that say every secret in every way they can, on the machine as it is.

const seed = Number(process.env.APPALOFT_SEED ?? 23)
const values = secretValues(20, seed)

/** Of the application: it knows its secrets by their names alone. */
const say = `
  import { writeSync } from 'node:fs'
  import { inspect } from 'node:util'
  const out = (bytes) => {
    for (let at = 0; at < bytes.length; )
      try {
        at += writeSync(1, bytes, at)
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error
      }
  }
  const line = (text) => out(Buffer.from(text + '\\n'))
  for (const [name, value] of Object.entries(process.env).filter(([name]) => name.startsWith('SECRET_'))) {
    const bytes = Buffer.from(value)
    line(name + '=' + value)
    for (const byte of bytes) out(Buffer.from([byte]))
    line('')
    for (const before of [0, 1, 2]) line(Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.from('  ')]).toString('base64'))
    const env = Buffer.from('export ' + name + '="' + value + '"; export OTHER=something-else-that-is-long-enough').toString('base64')
    line(env.replace(/.{76}/g, '$&\\n'))
    line(bytes.toString('base64url'))
    line(bytes.toString('hex').replace(/.{60}/g, '$&\\n'))
    line(encodeURIComponent(value) + ' ' + new URLSearchParams({ value }))
    line(JSON.stringify({ body: JSON.stringify({ value }) }) + JSON.stringify({ value }))
    line("'" + value.replaceAll("'", "'\\\\''") + "'")
    line(value.replace(/[&<>"']/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? '&#39;'))
    console.log({ value, bytes })
    console.error(new Error('cannot log in with ' + value))
    // Over the place where a long line is cut.
    line('y'.repeat(16 * 1024 - Math.ceil(bytes.length / 2)) + value.replaceAll('\\n', ' ') + ' and more')
  }
`
const server = `
  import './say.mjs'
  import { createServer } from 'node:http'
  createServer((request, response) => response.end('hello')).listen(process.env.PORT)
`

let folder = ''
let stateDir = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-secret-processes-'))
  stateDir = join(folder, 'state')
  const app = join(folder, 'app')
  await mkdir(app)
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', type: 'module' }))
  await writeFile(join(app, 'say.mjs'), say)
  await writeFile(join(app, 'server.mjs'), server)
})
afterAll(async () => {
  await shutdown(stateDir, { force: true })
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

/** The command lines of every process of this machine. */
async function commandLines(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const read = (pid: string) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return (await Promise.all(pids.map(read))).join('\n')
}

it('secrets that real processes print are in no sink, no argv and no file but those that the target declares', async () => {
  const find = finder(needlesOf(values))
  const sinks = new Map<string, string>()
  const appaloft = createAppaloft({
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    targets: [target({ proxy: embedded() })],
    planners: [node()],
    stateDir,
  })
  let looking = true
  let looks = 0
  let seen = ''
  const watching = (async () => {
    for (; looking; looks += 1) {
      for (const line of (await commandLines()).split('\n')) if (!seen.includes(line)) seen += `${line}\n`
      await sleep(10)
    }
  })()
  const runs: Record<string, Partial<ResourceDefinition>> = {
    succeeds: {
      runtime: { startCommand: 'node server.mjs', buildCommand: 'node say.mjs', releaseCommand: 'node say.mjs' },
    },
    'its build fails': { runtime: { startCommand: 'node server.mjs', buildCommand: 'node say.mjs && exit 3' } },
    'its release command fails': {
      runtime: { startCommand: 'node server.mjs', releaseCommand: 'node say.mjs; exit 4' },
    },
    'its process exits': { runtime: { startCommand: 'node say.mjs; exit 5' } },
    'its health command fails': {
      runtime: { startCommand: 'node server.mjs' },
      health: {
        type: 'command',
        command: 'node say.mjs; exit 6',
        retries: 1,
        intervalSeconds: 0.1,
        startPeriodSeconds: 0,
      },
    },
  }
  for (const [name, rest] of Object.entries(runs)) {
    const resource: ResourceDefinition = {
      id: 'res_web',
      source: { kind: 'local-folder', path: join(folder, 'app') },
      network: { internalPort: 3000, drainSeconds: 0 },
      environment: Object.fromEntries(
        values.map((value, i) => [`SECRET_${i}`, { value, secret: true, scope: 'both' }]),
      ),
      ...rest,
    }
    const keep = async (what: string, read: () => unknown) => sinks.set(`${name}: ${what}`, textOf(await read()))
    await keep('preview', () => appaloft.deployments.plan({ resource }))
    const handle = await appaloft.deployments.create({ resource, force: true })
    const done = await handle.done
    expect([name, done.status, done.failure?.exitCode]).toEqual([
      name,
      name === 'succeeds' ? 'succeeded' : 'failed',
      { 'its build fails': 3, 'its release command fails': 4, 'its process exits': 5 }[name],
    ])
    await keep('read model', () => done)
    await keep('thrown error', () => handle.promoted.catch((error: unknown) => error))
    await keep('events', () => collected(appaloft.deployments.events(handle.id)))
    await keep('logs', () => collected(appaloft.deployments.logs(handle.id)))
    await keep('last logs', () => collected(appaloft.deployments.logs(handle.id, { tail: 7 })))
    await keep('recovery', () => appaloft.deployments.recovery(handle.id))
    await keep('diagnostics', () => appaloft.deployments.diagnostics(handle.id))
    await keep('status', () => appaloft.resources.status('res_web'))
  }
  looking = false
  await watching
  sinks.set('argv', `${seen}\n${await commandLines()}`)

  const declared: string[] = []
  let files = 0
  for (const entry of await readdir(stateDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    files += 1
    const path = join(entry.parentPath, entry.name)
    const text = await readFile(path, 'utf8')
    const name = relative(stateDir, path)
    // The release's environment, and what it wrote into its log itself.
    if (/^process\/releases\/res_web\/[^/]+\/(?:meta\.json|log)$/.test(name)) {
      expect((await stat(path)).mode & 0o077).toBe(0)
      if (find(text).length > 0) declared.push(entry.name)
    } else sinks.set(`file ${name}`, text)
  }
  const hits = [...sinks].flatMap(([sink, text]) => find(text).map((hit) => `${sink}: ${hit}`))
  console.log(
    `seed ${seed}: ${values.length} values said by real processes, ${sinks.size} sinks, ${files} files, ${looks} looks at every argv, ${hits.length} hits`,
  )
  expect(hits.slice(0, 20)).toEqual([])
  // The processes did say them, and where that is kept is declared.
  expect(declared.sort()).toEqual(['log', 'meta.json'])
  expect(sinks.get('succeeds: logs')).toContain('SECRET_0=[redacted]')
  expect(sinks.get('argv')).toContain('say.mjs')
  expect([...sinks.keys()].some((one) => /keeper\.log$/.test(one))).toBe(true)
  await appaloft.close()
}, 300_000)
