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
  await rm(folder, { recursive: true, force: true })
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
  if (typeof pid !== 'number') return null
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat === '' || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z') ? null : pid
}

async function kill(...roles: ('keeper' | 'proxy')[]): Promise<void> {
  const pids = await Promise.all(roles.map(pidOf))
  for (const pid of pids) {
    expect(pid).not.toBeNull()
    process.kill(pid ?? 0, 'SIGKILL')
  }
}

/** How long until it answers again, in milliseconds. */
async function until(url: string, ms: number): Promise<number> {
  const began = performance.now()
  while ((await ask(url)) === null) {
    if (performance.now() - began > ms) throw new Error(`no answer within ${ms} ms`)
    await sleep(10)
  }
  return performance.now() - began
}

async function expectNoLineLost(ref: ReleaseInput, atLeast: number): Promise<void> {
  const numbers: number[] = []
  for await (const line of here.logs(ref)) numbers.push(Number(/^line (\d+)$/.exec(line.text)?.[1]))
  expect(numbers.length).toBeGreaterThan(atLeast)
  expect(numbers).toEqual(numbers.map((_, at) => at + 1))
}

it('the keeper killed: no request fails, no line is lost, the release is the same process', async () => {
  const { input, url } = await deploy()
  const before = await ask(url)
  expect(before?.by).toBe(input.deploymentId)
  await kill('keeper')
  const end = performance.now() + 2_000
  while (performance.now() < end) {
    expect(await ask(url)).toEqual(before)
    if ((await pidOf('keeper')) !== null) break
  }
  expect(await pidOf('keeper')).not.toBeNull()
  await sleep(300)
  await expectNoLineLost(input, 30)
})

it('the proxy killed: it is back within a second with the same routes on the same port', async () => {
  const { input, url } = await deploy()
  const before = await ask(url)
  await kill('proxy')
  // It takes less than half a second here; a busy machine gets more.
  await until(url, 2_000)
  expect(await ask(url)).toEqual(before)
  await expectNoLineLost(input, 10)
})

it('both killed: back with the next command, same routes, same port, same process', async () => {
  const { input, url } = await deploy()
  const before = await ask(url)
  await kill('keeper', 'proxy')
  await sleep(400)
  expect([await pidOf('keeper'), await pidOf('proxy'), await ask(url)]).toEqual([null, null, null])
  const next = await compose()
  await next.proxy?.fence('res_web', 2, { expected: 1, owner: 'dep_next' })
  await until(url, 3_000)
  expect(await ask(url)).toEqual(before)
  expect((await next.inspect(input)).instances[0]).toMatchObject({ state: 'running', restarts: 0 })
  const observed = await next.proxy?.observe('res_web')
  expect(observed?.table?.live?.deploymentId).toBe(input.deploymentId)
  expect(observed?.token).toBe(2)
  await next.close?.()
  await expectNoLineLost(input, 40)
})

it('with routes and releases gone nothing stays', async () => {
  const { input } = await deploy()
  await here.proxy?.remove('res_web', 1)
  await here.remove(input, 1)
  await shutdown(stateDir)
  expect([await pidOf('keeper'), await pidOf('proxy')]).toEqual([null, null])
})
