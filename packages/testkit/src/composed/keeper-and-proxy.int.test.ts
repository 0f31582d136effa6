import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReleaseInput, RouteTable, Target } from '@appaloft/core/spec'
import { embedded } from '@appaloft/proxy-embedded'
import { shutdown, process as target } from '@appaloft/target-process'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sampleId, samplePlan, sampleRelease } from '../fakes/records.js'

// The process target with the embedded proxy, as host applications compose them.

let folder = ''
let stateDir = ''
let here: Target
const compose = async () => {
  const made = target({ proxy: embedded() })
  await made.open?.({ stateDir })
  return made
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-composed-'))
  stateDir = join(folder, 'state')
  here = await compose()
})
afterEach(async () => {
  await here.close?.()
  await shutdown(stateDir, { force: true })
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

/** Counts aloud, 100 lines a second, and answers with its pid. */
const server = `
  import { createServer } from 'node:http'
  let count = 0
  setInterval(() => console.log('line ' + ++count), 10)
  createServer((request, response) => response.end(String(process.pid))).listen(process.env.PORT)`

async function deploy(): Promise<{ input: ReleaseInput; url: string }> {
  const source = join(folder, 'source')
  await mkdir(source)
  await writeFile(join(source, 'server.mjs'), server)
  const plan = samplePlan({
    artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
    commands: { start: { command: 'node server.mjs', from: 'profile' } },
  })
  const ref = { resourceId: 'res_web', deploymentId: sampleId('dep', 1), releaseId: sampleId('rel', 1) }
  const common = { ...ref, token: 1, signal: new AbortController().signal, log: () => undefined, secretNames: [] }
  const { proxy } = here
  await here.fence('res_web', 1, { expected: 0, owner: ref.deploymentId })
  await proxy?.fence('res_web', 1, { expected: 0, owner: ref.deploymentId })
  const rest = { sourceDirectory: source, environment: {}, inputsDigest: 'a', noCache: false }
  const { artifact } = await here.build({ ...common, plan, ...rest })
  const input: ReleaseInput = {
    ...common,
    release: sampleRelease({ id: ref.releaseId, deploymentId: ref.deploymentId, plan, artifact }),
    environment: { APPALOFT_DEPLOYMENT_ID: ref.deploymentId, APPALOFT_RELEASE_ID: ref.releaseId },
  }
  await here.start(input)
  const { upstream } = await here.reach(ref, 80)
  const table: RouteTable = {
    routes: [{ hostname: null, pathPrefix: '/', pathHandling: 'preserve', redirectTo: null, tls: 'off' }],
    live: { deploymentId: ref.deploymentId, releaseId: ref.releaseId, addresses: upstream },
    staged: null,
    verify: null,
    identity: 'always',
  }
  await proxy?.apply('res_web', table, 1)
  await here.promoted?.(input, null)
  const endpoint = await proxy?.endpoint('res_web')
  const url = `http://127.0.0.1:${endpoint?.publicPort}/`
  for (let tries = 0; (await ask(url)) === null && tries < 200; tries += 1) await sleep(20)
  return { input, url }
}

const ask = async (url: string): Promise<{ body: string; by: string | null } | null> => {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    const body = await answer.text()
    return answer.ok ? { body, by: answer.headers.get('x-appaloft-deployment') } : null
  } catch {
    return null
  }
}

/** The pid that holds a role of the state folder; null: none that lives. */
async function pidOf(role: 'keeper' | 'proxy'): Promise<number | null> {
  const lock = join(stateDir, 'process/keeper', `${role}.lock`)
  const numbers = (await readdir(lock).catch(() => [])).map(Number).filter(Number.isInteger)
  if (numbers.length === 0) return null
  const holder = JSON.parse(await readFile(join(lock, String(Math.max(...numbers))), 'utf8'))
  const pid: unknown = holder.identity?.pid
  return typeof pid === 'number' && (await lives(pid)) ? pid : null
}

/** Neither gone nor a zombie. */
async function lives(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
}

/** Kills them, and resolves with their pids when they are dead: until then the old one answers for a new one. */
async function kill(...roles: ('keeper' | 'proxy')[]): Promise<(number | null)[]> {
  const pids = await Promise.all(roles.map(pidOf))
  for (const pid of pids) {
    expect(pid).not.toBeNull()
    process.kill(pid ?? 0, 'SIGKILL')
  }
  for (const pid of pids) await until('its death', async () => !(await lives(pid ?? 0)))
  return pids
}

/** How long it took, in milliseconds. The limit is no promise: it only ends the wait on a busy machine. */
async function until(what: string, look: () => Promise<boolean>): Promise<number> {
  const began = performance.now()
  while (!(await look())) {
    if (performance.now() - began > 10_000) throw new Error(`waited 10 s for ${what}`)
    await sleep(10)
  }
  return performance.now() - began
}
const back = (role: 'keeper' | 'proxy', dead: number | null | undefined) =>
  until(`a new ${role}`, async () => {
    const pid = await pidOf(role)
    return pid !== null && pid !== dead
  })

async function counted(ref: ReleaseInput): Promise<number[]> {
  const numbers: number[] = []
  for await (const line of here.logs(ref)) numbers.push(Number(/^line (\d+)$/.exec(line.text)?.[1]))
  return numbers
}

/** All that the release counted since it began, with a second's worth of lines after the last one known: none lost, none twice. */
async function expectEveryLine(ref: ReleaseInput, known: number): Promise<void> {
  let numbers: number[] = []
  await until('more lines', async () => {
    numbers = await counted(ref)
    return numbers.length >= known + 100
  })
  expect(numbers).toEqual(numbers.map((_, at) => at + 1))
}

/** The keeper knows the release as the process that it was, and nothing was begun again. */
async function expectSame(target: Target, { input, url, before, pid }: Awaited<ReturnType<typeof settled>>) {
  // An effect: answered by a keeper that has taken over everything, not by a file.
  await target.promoted?.(input, null)
  const { instances } = await target.inspect(input)
  expect(instances[0]).toMatchObject({ state: 'running', restarts: 0, pid })
  expect(await ask(url)).toEqual(before)
  // A new keeper begins what it does not know for alive after a moment: it has not.
  await sleep(500)
  expect(await ask(url)).toEqual(before)
}

async function settled() {
  const { input, url } = await deploy()
  const before = await ask(url)
  expect(before?.by).toBe(input.deploymentId)
  await until('some lines', async () => (await counted(input)).length >= 20)
  const pid = (await here.inspect(input)).instances[0]?.pid
  expect(pid).toBeGreaterThan(1)
  return { input, url, before, pid, lines: (await counted(input)).length }
}

it('the keeper killed: another one by itself, no request fails, no line is lost, the release is the same process', async () => {
  const made = await settled()
  const answers: unknown[] = []
  const [dead] = await kill('keeper')
  let waiting = true
  const asking = (async () => {
    while (waiting) answers.push(await ask(made.url))
  })()
  console.log(`a new keeper after ${Math.round(await back('keeper', dead))} ms`)
  await expectSame(here, made)
  await expectEveryLine(made.input, made.lines)
  waiting = false
  await asking
  expect(answers.length).toBeGreaterThan(10)
  expect(answers.filter((one) => JSON.stringify(one) !== JSON.stringify(made.before))).toEqual([])
  // It watches what it took over.
  process.kill(Number(made.before?.body), 'SIGKILL')
  const other = async () => (await ask(made.url))?.body ?? made.before?.body
  await until('another process', async () => (await other()) !== made.before?.body)
  expect((await here.inspect(made.input)).instances[0]).toMatchObject({ state: 'running', restarts: 1 })
})

it('the proxy killed: another one by itself, with the same routes on the same port', async () => {
  const made = await settled()
  const [dead] = await kill('proxy')
  const ms = await until('an answer', async () => (await ask(made.url)) !== null)
  console.log(`a new proxy answers after ${Math.round(ms)} ms`)
  expect(await pidOf('proxy')).not.toBe(dead)
  expect(await ask(made.url)).toEqual(made.before)
  await expectSame(here, made)
  await expectEveryLine(made.input, made.lines)
})

it('both killed: back with the next command, same routes, same port, same process', async () => {
  const made = await settled()
  await kill('keeper', 'proxy')
  expect([await pidOf('keeper'), await pidOf('proxy'), await ask(made.url)]).toEqual([null, null, null])
  const began = performance.now()
  const next = await compose()
  await next.proxy?.fence('res_web', 2, { expected: 1, owner: 'dep_next' })
  await until('an answer', async () => (await ask(made.url)) !== null)
  console.log(`an answer ${Math.round(performance.now() - began)} ms after the next command began`)
  expect(await ask(made.url)).toEqual(made.before)
  const observed = await next.proxy?.observe('res_web')
  expect(observed?.table?.live?.deploymentId).toBe(made.input.deploymentId)
  expect(observed?.token).toBe(2)
  await expectSame(next, made)
  await next.close?.()
  await expectEveryLine(made.input, made.lines)
})

it('with routes and releases gone nothing stays', async () => {
  const { input } = await deploy()
  await here.proxy?.remove('res_web', 1)
  await here.remove(input, 1)
  await shutdown(stateDir)
  expect([await pidOf('keeper'), await pidOf('proxy')]).toEqual([null, null])
})
