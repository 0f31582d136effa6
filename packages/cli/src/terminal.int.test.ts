import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment, DeploymentEvent } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { writeServer } from '../test/apps.js'
import { program } from '../test/program.js'

const cli = program()
const deploymentId = /dep_[0-9a-z]{26}/

/** A build that says where its own process is, prints, and takes its time. */
const slowBuild = (folder: string, seconds: number) => `
require('node:fs').writeFileSync(${JSON.stringify(join(folder, '../build.pid'))}, String(process.pid))
console.log('build begins')
setTimeout(() => console.log('build ends'), ${seconds * 1000})
`
const slow = (seconds: number) => {
  const folder = cli.folder('slow')
  return writeServer(folder, { build: slowBuild(folder, seconds) })
}
const buildPid = () => Number(readFileSync(join(cli.folder('slow'), '../build.pid'), 'utf8'))
const building = () => vi.waitFor(() => expect(buildPid()).toBeGreaterThan(0), { timeout: 20_000, interval: 20 })

/** Neither gone nor a zombie. */
const lives = (pid: number) => {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, 'utf8'))
}
/** Processes of this test's state folder that still live, by how they call themselves. */
const pidsOf = (...titles: string[]) =>
  readdirSync(join(cli.stateDir(), 'process/keeper'), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || !entry.name.endsWith('.lock')) return []
    return readdirSync(join(entry.parentPath, entry.name)).flatMap((name) => {
      const holder = JSON.parse(readFileSync(join(entry.parentPath, entry.name, name), 'utf8'))
      const pid = Number(holder.identity?.pid)
      const title = existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
      return lives(pid) && titles.some((one) => title.startsWith(one)) ? [pid] : []
    })
  })
const only = async (): Promise<Deployment> => {
  const list = await cli.run(['deployments', 'list', '--json'])
  expect(list.code, list.stderr).toBe(0)
  expect(list.documents()).toHaveLength(1)
  return (list.documents()[0] as { deployment: Deployment }).deployment
}
/** Another shell follows to the end: it misses nothing, hears nothing twice, and the last word is the end. */
const followed = async (id: string) => {
  const end = await cli.run(['deployments', 'events', id, '--follow', '--json'])
  expect(end.code, end.stderr).toBe(0)
  const envelopes = end.documents()
  expect(envelopes.at(-1)).toMatchObject({ kind: 'closed', reason: 'completed' })
  const heard = envelopes.filter(({ kind }) => kind === 'event').map(({ event }) => event as DeploymentEvent)
  expect(heard.map(({ sequence }) => sequence)).toEqual(heard.map((_, index) => index + 1))
  expect(heard.at(-1)?.type).toBe('deployment-finished')
  return envelopes
}
const lines = (envelopes: Record<string, unknown>[]) =>
  envelopes
    .map(({ event }) => (event as DeploymentEvent | undefined)?.message)
    .filter((text) => text?.startsWith('build '))

describe('a terminal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('cancels with %s: the build ends, nothing is left, exit code %i', async (signal, code) => {
    const up = cli.start(['up', slow(60)])
    await building()
    up.child.kill(signal)
    const finished = await up.finished
    expect(finished.code, finished.stdout + finished.stderr).toBe(code)
    expect(finished.stdout).toContain('canceling')
    expect(lives(buildPid())).toBe(false)
    expect(await only()).toMatchObject({ status: 'canceled', failure: { code: 'canceled' } })
  })

  it('is left at once at the second Ctrl-C, and the next command ends the attempt truthfully', async () => {
    const folder = cli.folder('slow')
    const ignores = `process.on('SIGTERM', () => {}); ${slowBuild(folder, 60)}`
    const up = cli.start(['up', writeServer(folder, { build: ignores })])
    await building()
    up.child.kill('SIGINT')
    await up.until('canceling')
    const asked = performance.now()
    up.child.kill('SIGINT')
    const finished = await up.finished
    expect(finished.code).toBe(130)
    expect(finished.stderr).toContain('ended at once: the next command')
    expect(performance.now() - asked).toBeLessThan(2000)
    expect(['canceled', 'interrupted']).toContain((await only()).status)
    await vi.waitFor(() => expect(lives(buildPid())).toBe(false), { timeout: 15_000 })
  })

  it('may be closed: the attempt goes on, and a second shell follows it to its end', async () => {
    const folder = slow(4)
    // util-linux's script gives the command a terminal of its own; when it is killed, that terminal is closed.
    const command = `exec '${process.execPath}' '${cli.bin()}' up '${folder}'`
    const shell = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env: cli.environment({ TERM: 'xterm' }),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let screen = ''
    shell.stdout.on('data', (chunk) => {
      screen += chunk
    })
    await building()
    shell.kill('SIGKILL')
    const id = deploymentId.exec(screen)?.[0] as string
    expect(screen).toContain('execute')
    const second = followed(id)
    // It began to listen in the middle of the build.
    expect(lives(buildPid())).toBe(true)
    expect(lines(await second)).toEqual(['build begins', 'build ends'])
    expect(await only()).toMatchObject({ id, status: 'succeeded' })
  })

  it('may be hung up with SIGHUP', async () => {
    const up = cli.start(['up', slow(3)])
    const id = await up.until(deploymentId)
    await building()
    up.child.kill('SIGHUP')
    await followed(id)
    expect((await up.finished).code).toBe(0)
    expect(await only()).toMatchObject({ status: 'succeeded' })
  })
})

describe('the keeper and the proxy', () => {
  it('killed together, are back with the next command, and serve the same', async () => {
    const up = await cli.run(['up', slow(0), '--json'])
    const [url] = (up.documents().at(-1) as { deployment: Deployment }).deployment.accessUrls
    const asked = async () => {
      const answer = await fetch(url as string).catch(() => null)
      return answer && [answer.headers.get('x-appaloft-deployment'), await answer.text()]
    }
    const before = await asked()
    for (const pid of pidsOf('appaloft-keeper', 'appaloft-proxy')) process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(pidsOf('appaloft-keeper', 'appaloft-proxy')).toEqual([]), { timeout: 10_000 })
    expect(await asked()).toBe(null)
    const status = await cli.run(['status', '--json'], { cwd: cli.folder('slow') })
    expect(status.code, status.stdout + status.stderr).toBe(0)
    await vi.waitFor(async () => expect(await asked()).toEqual(before), { timeout: 10_000, interval: 50 })
  })
})

describe('a pipe', () => {
  it('may break: the attempt goes on', async () => {
    const up = cli.start(['up', slow(3), '--json'])
    const id = await up.until(deploymentId)
    await building()
    up.child.stdout?.destroy()
    up.child.stderr?.destroy()
    await followed(id)
    expect((await up.finished).code).toBe(0)
  })

  it('may have a reader that sleeps: the attempt keeps its lease', async () => {
    const folder = cli.folder('loud')
    const build = `for (let line = 0; line < 20000; line++) console.log('line ' + line + ' '.repeat(40))`
    const up = cli.start(['up', writeServer(folder, { build }), '--json'])
    const id = await up.until(deploymentId)
    up.child.stdout?.pause()
    const envelopes = await followed(id)
    expect(envelopes.length).toBeGreaterThan(1000)
    expect(await only()).toMatchObject({ status: 'succeeded' })
    up.child.stdout?.resume()
    expect((await up.finished).code).toBe(0)
  })

  it('ends a command that only reads', async () => {
    const up = cli.start(['up', slow(3)])
    const id = await up.until(deploymentId)
    const events = cli.start(['deployments', 'events', id, '--follow', '--json', '--heartbeat', '1'])
    await events.until('sequence')
    events.child.stdout?.destroy()
    expect((await events.finished).code).toBe(0)
    expect((await up.finished).code).toBe(0)
  })

  it('takes up again where it was cut', async () => {
    const up = await cli.run(['up', slow(0), '--json'])
    const all = up.documents().filter(({ kind }) => kind === 'event')
    const id = deploymentId.exec(up.stdout)?.[0] as string
    const cut = all[4] as { cursor: string }
    const rest = await cli.run(['deployments', 'events', id, '--json', '--cursor', cut.cursor])
    expect(rest.documents().filter(({ kind }) => kind === 'event')).toEqual(all.slice(5))
    const wrong = await cli.run(['deployments', 'events', id, '--json', '--cursor', 'nonsense'])
    expect(wrong.code).toBe(2)
  })
})

describe('errors', () => {
  it('have exit codes that a script can trust', async () => {
    const unknown = 'dep_00000000000000000000000000'
    const code = async (...args: string[]) => (await cli.run(args)).code
    expect(await code('up', '--nope')).toBe(2)
    expect(await code('up', './not-there')).toBe(2)
    expect(await code('deployments', 'show', unknown)).toBe(4)
    expect(await code('deployments', 'events', unknown, '--follow')).toBe(4)
    expect(await code('logs', 'nobody')).toBe(4)
    expect(await code('doctor')).toBe(0)
    expect(readdirSync(cli.folder('.'))).not.toContain('appaloft.config.ts')
  })
})
