import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode } from '@appaloft/core/spec'
import { afterEach, expect, it } from 'vitest'
import { counting, firstHole, linesOf, type Machine, machine, until, urlOf } from '../test/machine.js'
import { shutdown } from './index.js'
import { releaseFiles } from './shared/paths.js'
import { isAlive, processRow } from './shared/processes.js'
import { readState } from './shared/records.js'

const machines: Machine[] = []
const make = async (options?: Parameters<typeof machine>[0]) => {
  const made = await machine(options)
  machines.push(made)
  return made
}
afterEach(async () => {
  for (const one of machines.splice(0)) await one.close()
})

const kill = (pid: number | null) => {
  expect(pid).not.toBeNull()
  process.kill(pid ?? 0, 'SIGKILL')
}

/** It takes less than half of it here; a machine that is busy with other tests gets the rest. */
const backMs = 2_000

/** Another process holds the role than the one of this pid. */
const replaced = (here: Machine, role: string, former: number | null, ms: number) =>
  until(
    `another ${role}`,
    () => {
      const pid = here.pidOf(role)
      return pid === null || pid === former ? null : pid
    },
    ms,
  )

const logOf = (here: Machine) => ({ log: readFileSync(here.layout.log('keeper'), 'utf8').split('\n') })

it('releases and proxy outlive the keeper, which is back within a second', async () => {
  const here = await make({ withProxy: true })
  const input = await here.deploy(counting)
  await here.target.promoted?.(input, null)
  const url = await urlOf(here.target, input)
  await until('the proxy', () => here.pidOf('proxy'))
  const [keeper, proxy] = [here.pidOf('keeper'), here.pidOf('proxy')]
  const { pid } = (await here.target.inspect(input)).instances[0] ?? {}
  await sleep(300)
  kill(keeper)
  // While nobody keeps it, it goes on as before.
  expect(await (await fetch(url)).text()).toBe('up')
  await replaced(here, 'keeper', keeper, backMs)
  await sleep(300)
  const state = await here.target.inspect(input)
  expect(state.instances[0]).toMatchObject({ pid, state: 'running', restarts: 0 })
  expect(here.pidOf('proxy')).toBe(proxy)
  const lines = await linesOf(here.target, input)
  expect(lines.length).toBeGreaterThan(60)
  expect(firstHole(lines)).toBeNull()
  // The new keeper is in charge of what it adopted.
  await here.target.stop(input, 1)
  expect((await here.target.inspect(input)).state).toBe('exited')
  expect(processRow(pid ?? 0)?.state ?? 'gone').toMatch(/gone|Z/)
})

it('the proxy is back within a second', async () => {
  const here = await make({ withProxy: true })
  await here.target.fence('res_web', 1, { expected: 0, owner: 'dep_a' })
  const proxy = await until('the proxy', () => here.pidOf('proxy'))
  const keeper = here.pidOf('keeper')
  kill(proxy)
  await replaced(here, 'proxy', proxy, backMs)
  expect(here.pidOf('keeper')).toBe(keeper)
})

it('keeper and proxy killed together are back with the next command, the release untouched', async () => {
  const here = await make({ withProxy: true })
  const input = await here.deploy(counting)
  await here.target.promoted?.(input, null)
  const url = await urlOf(here.target, input)
  const { pid } = (await here.target.inspect(input)).instances[0] ?? {}
  const proxy = await until('the proxy', () => here.pidOf('proxy'))
  kill(here.pidOf('keeper'))
  kill(proxy)
  await sleep(500)
  expect([here.pidOf('keeper'), here.pidOf('proxy')]).toEqual([null, null])
  expect(await (await fetch(url)).text()).toBe('up')
  // Reading starts nothing.
  expect((await here.target.inspect(input)).state).toBe('running')
  expect(here.pidOf('keeper')).toBeNull()
  const next = await here.again()
  await next.fence('res_web', 2, { expected: 0, owner: 'dep_b' })
  await until('the keeper', () => here.pidOf('keeper'), 2_000)
  await until('the proxy', () => here.pidOf('proxy'), 2_000)
  expect((await next.inspect(input)).instances[0]).toMatchObject({ pid, state: 'running' })
  expect(firstHole(await linesOf(next, input))).toBeNull()
})

it('the static helper comes back on the same ports, and serves while the keeper is dead', async () => {
  const here = await make()
  const input = await here.deploy({ 'index.html': '<p>home' })
  const url = await urlOf(here.target, input)
  const helper = here.pidOf('static')
  kill(helper)
  await replaced(here, 'static', helper, backMs)
  await until('an answer', async () => (await fetch(url).catch(() => null))?.status ?? null, backMs)
  expect(await (await fetch(url)).text()).toBe('<p>home')
  const keeper = here.pidOf('keeper')
  kill(keeper)
  expect(await (await fetch(url)).text()).toBe('<p>home')
  await replaced(here, 'keeper', keeper, backMs)
  const second = await here.deploy({ 'index.html': '<p>second' }, { number: 2 })
  expect(await (await fetch(await urlOf(here.target, second))).text()).toBe('<p>second')
  await here.target.remove(input, 1)
  await expect(fetch(url)).rejects.toThrow()
  expect(await (await fetch(await urlOf(here.target, second))).text()).toBe('<p>second')
})

it('a promoted release that died without a keeper is started again by the next one; a candidate is not', async () => {
  const here = await make()
  const live = await here.deploy(counting)
  const candidate = await here.deploy(counting, { number: 2 })
  await here.target.promoted?.(live, null)
  const url = await urlOf(here.target, live)
  await urlOf(here.target, candidate)
  kill(here.pidOf('keeper'))
  for (const input of [live, candidate]) kill((await here.target.inspect(input)).instances[0]?.pid ?? null)
  await until('the end', async () => ((await here.target.inspect(live)).state === 'exited' ? true : null))
  await here.target.fence('res_web', 1, { expected: 0, owner: 'dep_a' })
  await until('an answer', async () => (await fetch(url).catch(() => null))?.status ?? null)
  expect((await here.target.inspect(live)).instances[0]).toMatchObject({ state: 'running', restarts: 1 })
  expect((await here.target.inspect(candidate)).instances[0]).toMatchObject({ state: 'exited', restarts: 0 })
})

it('a release that crashes again and again is started later each time, and stop ends that', async () => {
  const here = await make()
  const input = await here.deploy({ 'server.mjs': 'setTimeout(() => process.exit(3), 150)' })
  await here.target.promoted?.(input, null)
  const state = await until('the third start', async () => {
    const found = await here.target.inspect(input)
    return (found.instances[0]?.restarts ?? 0) >= 3 ? found : null
  })
  expect(state.instances[0]?.restarts).toBe(3)
  await here.target.stop(input, 1)
  const stopped = await here.target.inspect(input)
  await sleep(1_000)
  expect(await here.target.inspect(input)).toEqual(stopped)
  expect(stopped.state).toBe('exited')
})

it('an instance that finds its port taken gets another one', async () => {
  const here = await make()
  // The first one to start on a port gives it to a stranger and fails as a server does whose port was taken.
  const thief = `
    import { createServer } from 'node:net'
    import { spawn } from 'node:child_process'
    import { existsSync, writeFileSync } from 'node:fs'
    import { createServer as http } from 'node:http'
    if (!existsSync('stolen')) {
      writeFileSync('stolen', process.env.PORT)
      const held = "require('node:net').createServer().listen(" + process.env.PORT + ", '127.0.0.1', () => process.send('held')); setTimeout(() => {}, 8000)"
      const child = spawn(process.execPath, ['-e', held], { detached: true, env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
      child.once('message', () => { console.log('thief ' + child.pid); child.unref(); process.exit(1) })
    } else http((request, response) => response.end('up')).listen(process.env.PORT)`
  const input = await here.deploy({ 'server.mjs': thief })
  const url = await urlOf(here.target, input)
  const lines = await linesOf(here.target, input)
  kill(Number(/^thief (\d+)$/.exec(lines[0] ?? '')?.[1]))
  expect(await (await fetch(url)).text()).toBe('up')
  expect((await here.target.inspect(input)).instances[0]).toMatchObject({ state: 'running', restarts: 0 })
})

it('several engines that start at once get one keeper', async () => {
  const here = await make()
  const engines = await Promise.all(Array.from({ length: 4 }, () => here.again()))
  await Promise.all(engines.map((engine, at) => engine.fence(`res_${at}`, 1, { expected: 0, owner: 'dep_a' })))
  const { log } = logOf(here)
  expect(log.filter((line) => line.includes('keeps 0 releases'))).toHaveLength(1)
})

it('reads start nothing and make nothing', async () => {
  const here = await make()
  const ref = { resourceId: 'res_web', deploymentId: 'dep_a', releaseId: 'rel_a' }
  await here.target.mark('res_web')
  await here.target.inspect(ref)
  await here.target.list('res_web')
  await here.target.reach(ref, 80)
  await here.target.probe()
  await linesOf(here.target, ref)
  await here.target.stop(ref, 1)
  await here.target.remove(ref, 1)
  await shutdown(here.stateDir, { force: true })
  expect(() => readFileSync(here.layout.root)).toThrow(/ENOENT/)
})

it('a keeper with nothing left to keep ends by itself, with its helpers', async () => {
  const here = await make({ keeper: { idleSeconds: 1 }, withProxy: true })
  const input = await here.deploy({ 'index.html': 'x' })
  const seen = [here.pidOf('keeper'), here.pidOf('static'), await until('the proxy', () => here.pidOf('proxy'))]
  await sleep(1_600)
  expect([here.pidOf('keeper'), here.pidOf('static'), here.pidOf('proxy')]).toEqual(seen)
  await here.target.remove(input, 1)
  await until('the end', () => (['keeper', 'static', 'proxy'].some((role) => here.pidOf(role) !== null) ? null : true))
})

it('a keeper of another version hands over to ours, and nothing of what it keeps notices', async () => {
  const here = await make({ withProxy: true })
  const input = await here.deploy(counting)
  await here.target.promoted?.(input, null)
  await urlOf(here.target, input)
  const { pid } = (await here.target.inspect(input)).instances[0] ?? {}
  const keeper = here.pidOf('keeper')
  const proxy = await until('the proxy', () => here.pidOf('proxy'))
  // It says of itself that it speaks another protocol.
  const lock = `${here.layout.lock('keeper')}/1`
  writeFileSync(lock, readFileSync(lock, 'utf8').replace('"protocol":1', '"protocol":0'))
  await here.target.fence('res_web', 1, { expected: 0, owner: 'dep_a' })
  expect(here.pidOf('keeper')).not.toBe(keeper)
  expect((await here.target.inspect(input)).instances[0]).toMatchObject({ pid, state: 'running', restarts: 0 })
  expect(here.pidOf('proxy')).toBe(proxy)
  expect(firstHole(await linesOf(here.target, input))).toBeNull()
})

it('shutdown is refused while releases run, unless forced', async () => {
  const here = await make()
  const input = await here.deploy(counting)
  const [instance] = readState(here.layout.release(input)).instances
  await expect(shutdown(here.stateDir)).rejects.toSatisfy((error) => hasCode(error, 'conflict'))
  expect(instance?.identity && isAlive(instance.identity)).toBe(true)
  await shutdown(here.stateDir, { force: true })
  expect(instance?.identity && isAlive(instance.identity)).toBe(false)
  expect(here.pidOf('keeper')).toBeNull()
})

it('a process that was started but not written down is found by its labels', async () => {
  const here = await make()
  const input = await here.deploy(counting)
  await here.target.promoted?.(input, null)
  const { pid } = (await here.target.inspect(input)).instances[0] ?? {}
  const { state: file } = releaseFiles(here.layout.release(input))
  const state = readState(here.layout.release(input))
  kill(here.pidOf('keeper'))
  // As it is between making the process and writing its name down.
  const instances = state.instances.map((one) => ({ ...one, state: 'starting', identity: null, startedAt: null }))
  writeFileSync(file, JSON.stringify({ instances }))
  await here.target.fence('res_web', 1, { expected: 0, owner: 'dep_a' })
  expect((await here.target.inspect(input)).instances[0]).toMatchObject({ pid, state: 'running', restarts: 0 })
  await here.target.remove(input, 1)
  expect(processRow(pid ?? 0)?.state ?? 'gone').toMatch(/gone|Z/)
})

it('a state folder with a long name gets its sockets elsewhere, and takes them along when it ends', async () => {
  const here = await make({ below: 'x'.repeat(120) })
  const { folder } = here.layout.socket('keeper')
  expect(folder).not.toBe(here.layout.keeper)
  const input = await here.deploy({ 'index.html': 'x' })
  expect((await fetch(await urlOf(here.target, input))).status).toBe(200)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  await shutdown(here.stateDir, { force: true })
  await until('the end', () => (existsSync(folder) ? null : true))
})

it('an aborted start is still there to be removed', async () => {
  const here = await make()
  const input = await here.deploy(counting)
  const aborting = new AbortController()
  const second = { ...input, deploymentId: 'dep_second', signal: aborting.signal }
  const starting = here.target.start(second)
  const reason = new Error('no longer wanted')
  setImmediate(() => aborting.abort(reason))
  await expect(starting).rejects.toBe(reason)
  expect(await here.target.list('res_web')).toHaveLength(2)
  await here.target.remove(second, 1)
  expect(await here.target.list('res_web')).toHaveLength(1)
})

it('two engines that remove a release at once, or stop it meanwhile, both find it gone', async () => {
  const here = await make()
  const slow = `
    import { createServer } from 'node:http'
    process.on('SIGTERM', () => setTimeout(() => process.exit(0), 500))
    createServer((request, response) => response.end('up')).listen(process.env.PORT)`
  const input = await here.deploy({ 'server.mjs': slow })
  await urlOf(here.target, input)
  const other = await here.again()
  await Promise.all([
    here.target.remove(input, 1),
    other.remove(input, 1),
    here.target.remove(input, 1),
    other.stop(input, 1),
  ])
  expect(await other.list('res_web')).toEqual([])
})
