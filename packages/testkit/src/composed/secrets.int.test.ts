import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AppaloftError,
  createAppaloft,
  type DeploymentEvent,
  type LogLine,
  maxLogLineBytes,
  type ResourceDefinition,
  type Target,
} from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { sqlite } from '@appaloft/store-sqlite'
import { fakeTarget } from '@appaloft/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { encoders, finder, needlesOf, secretValues, textOf } from '../../test/encoders.js'

// Everything that a build, a release command, a release and a health check can say, said with every secret in every encoding.

const seed = Number(process.env.APPALOFT_SEED ?? 11)
const count = 1_000
const batch = 125

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-secrets-'))
  const manifest = { name: 'app', version: '1.0.0', scripts: { start: 'node server.js' } }
  await mkdir(join(folder, 'app'))
  await writeFile(join(folder, 'app/package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'app/server.js'), 'require("http").createServer().listen(process.env.PORT)')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of stream) all.push(one)
  return all
}

/** As a process prints it: lines of several lines are several, one that is too long is cut. */
function printed(values: readonly string[]): string[] {
  const lines = values.flatMap((value) =>
    Object.entries(encoders).flatMap(([name, encode]) => `${name}: ${encode(value)} .`.split('\n')),
  )
  const cut = values.flatMap((value) => {
    const bytes = Buffer.from(value)
    const half = Math.ceil(bytes.length / 2)
    const text = `${'x'.repeat(maxLogLineBytes - half)}${value.replaceAll('\n', ' ')}`
    return bytes.length < 16 ? [] : [Buffer.from(text).subarray(0, maxLogLineBytes).toString('utf8')]
  })
  return [...lines, ...cut.slice(0, 5)]
}

/** All of them in so few lines that none is left out where only the last ones are kept. */
function inLines(lines: readonly string[], most: number): string[] {
  const each = Math.ceil(lines.length / most)
  return Array.from({ length: Math.ceil(lines.length / each) }, (_, i) =>
    lines.slice(i * each, (i + 1) * each).join(' '),
  )
}

type Kind = 'succeeds' | 'build' | 'release-command' | 'health' | 'exits' | 'throws'
const kinds: Kind[] = ['succeeds', 'build', 'release-command', 'health', 'exits', 'throws']

/** A machine on which everything prints every secret, and one thing fails. */
function talkative(
  kind: () => Kind,
  lines: readonly string[],
  dense: readonly string[],
): Target & { close(): Promise<void> } {
  const fake = fakeTarget()
  const say = (log: (line: LogLine) => void) => {
    for (const text of kind() === 'succeeds' ? lines : dense) log({ stream: 'stdout', text })
  }
  const result = (exitCode: number, most = 50) => ({ exitCode, signal: null, lastLogs: inLines(dense, most) })
  return {
    ...fake,
    async build(input) {
      say(input.log)
      if (kind() === 'build') {
        const details = { exitCode: 1, lastLogs: inLines(dense, 50), command: dense[0] ?? '' }
        throw new AppaloftError('build-failed', { message: `It ended: ${dense.join(' ')}`, details })
      }
      return fake.build(input)
    },
    async run(input) {
      say(input.log)
      return result(kind() === 'release-command' ? 1 : 0)
    },
    async start(input) {
      if (kind() === 'throws') throw new Error(`It cannot be started: ${dense.join(' ')}`)
      return fake.start(input)
    },
    // Of a health command the last three lines are evidence.
    exec: async () => result(kind() === 'health' ? 1 : 0, 3),
    async *logs() {
      for (const text of kind() === 'succeeds' ? lines : inLines(dense, 50)) yield { stream: 'stdout', text }
    },
    close: () => fake.world.close(),
  }
}

async function everythingOf(
  values: readonly string[],
  number: number,
): Promise<{ texts: Map<string, string>; said: number }> {
  const texts = new Map<string, string>()
  const stateDir = join(folder, `state-${number}`)
  const path = join(stateDir, 'appaloft.db')
  const lines = printed(values)
  const dense = values.map((value) =>
    Object.values(encoders)
      .map((encode) => encode(value))
      .join(' ; '),
  )
  let kind: Kind = 'succeeds'
  const target = talkative(
    () => kind,
    lines,
    dense.flatMap((one) => one.split('\n')),
  )
  const appaloft = createAppaloft({ store: sqlite({ path }), targets: [target], planners: [node()], stateDir })
  const heard: DeploymentEvent[] = []
  appaloft.on('event', (event) => heard.push(event))
  for (kind of kinds) {
    const resource: ResourceDefinition = {
      id: 'res_web',
      source: { kind: 'local-folder', path: join(folder, 'app') },
      runtime: {
        releaseCommand: 'migrate',
        startCommand: kind === 'exits' ? 'serve exit-after=0 exit-code=3' : 'serve',
      },
      network: { drainSeconds: 0 },
      health: { type: 'command', command: 'check', intervalSeconds: 0.05, retries: 1, startPeriodSeconds: 0 },
      environment: Object.fromEntries(
        values.map((value, i) => [`SECRET_${i}`, { value, secret: true, scope: 'both' as const }]),
      ),
    }
    const keep = async (what: string, read: () => unknown) => texts.set(`${kind}, ${what}`, textOf(await read()))
    await keep('preview', () => appaloft.deployments.plan({ resource }))
    const handle = await appaloft.deployments.create(
      { resource, force: true },
      { onEvent: (event) => heard.push(event) },
    )
    const done = await handle.done
    expect([done.status, kind === 'succeeds' ? done.failure : null]).toEqual([
      kind === 'succeeds' ? 'succeeded' : 'failed',
      null,
    ])
    await keep('read model', () => done)
    await keep('thrown error', () => handle.promoted.catch((error: unknown) => error))
    await keep('events', () => collected(appaloft.deployments.events(handle.id)))
    await keep('logs', () => collected(appaloft.deployments.logs(handle.id)))
    await keep('last logs', () => collected(appaloft.deployments.logs(handle.id, { tail: 20 })))
    await keep('recovery', () => appaloft.deployments.recovery(handle.id))
    await keep('diagnostics', () => appaloft.deployments.diagnostics(handle.id))
    await keep('list', () => appaloft.deployments.list())
    await keep('resource', async () => [
      await appaloft.resources.get('res_web'),
      await appaloft.resources.status('res_web'),
    ])
    await keep('heard events', () => heard.splice(0))
  }
  // The log of the store is still there: nothing was closed.
  for (const name of await readdir(stateDir, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    texts.set(`file ${name.name}`, await readFile(join(name.parentPath, name.name), 'utf8'))
  }
  await appaloft.close()
  await target.close()
  await rm(stateDir, { recursive: true, force: true })
  return { texts, said: lines.length }
}

it(`${count} values in ${Object.keys(encoders).length} encodings are in no sink`, async () => {
  const values = secretValues(count, seed)
  const hits: string[] = []
  let searched = 0
  let said = 0
  const sinks = new Set<string>()
  const one = async (at: number) => {
    const some = values.slice(at, at + batch)
    const find = finder(needlesOf(some))
    // The search itself finds what is there.
    expect(find(printed(some).join('\n')).length).toBeGreaterThan(some.length * 10)
    const everything = await everythingOf(some, at)
    said += everything.said
    for (const [sink, text] of everything.texts) {
      sinks.add(sink)
      searched += text.length
      for (const hit of find(text)) hits.push(`${sink}, ${hit}`)
    }
  }
  const batches = Array.from({ length: count / batch }, (_, i) => i * batch)
  // Most of the time is the disk's.
  await Promise.all(
    [0, 1, 2, 3].map(async () => {
      for (let at = batches.shift(); at !== undefined; at = batches.shift()) await one(at)
    }),
  )
  console.log(
    `seed ${seed}: ${count} values, ${Object.keys(encoders).length} encodings, ${said} lines said by each output, ${sinks.size} sinks, ${(searched / 1e6).toFixed(0)} million characters searched, ${hits.length} hits`,
  )
  expect(hits.slice(0, 20)).toEqual([])
  expect([...sinks].filter((one) => one.startsWith('file '))).toEqual(
    expect.arrayContaining(['file appaloft.db', 'file appaloft.db-wal']),
  )
}, 1_800_000)
