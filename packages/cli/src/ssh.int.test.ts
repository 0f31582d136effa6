import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@appaloft/core/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gone, living, nap } from '../../target-ssh/test/helpers.js'
import { haveSshd, startSshd } from '../../target-ssh/test/sshd.js'
import { lines } from '../test/docker/engine.js'
import { haveEngine, machineOf, needed, type Project, type TestMachine } from '../test/machine.js'
import { program } from '../test/program.js'

/** With APPALOFT_SOAK=1 also what the guide's test types, looked at more closely. */
const all = process.env.APPALOFT_SOAK === '1'
/** Of a machine that is not there. */
const otherKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHhIxiccJ8Q5q6oyA+Tsq9n/MdF8NoGzHRMNVMCS1yAW'

describe.skipIf(!haveEngine || !haveSshd)(`the command with a machine behind SSH${needed}`, () => {
  const appaloft = program()
  let machine: TestMachine
  beforeAll(async () => {
    machine = machineOf(await startSshd())
  })
  afterAll(async () => {
    await machine?.close()
  })

  const call = async (project: Project, ...args: string[]) => {
    const finished = await appaloft.run(args, { cwd: project.folder, env: project.env })
    return { ...finished, text: finished.stdout + finished.stderr }
  }
  const ok = async (project: Project, ...args: string[]) => {
    const done = await call(project, ...args)
    expect(done.code, `${args.join(' ')}: ${done.text}`).toBe(0)
    return done
  }
  const deployed = async (project: Project, ...args: string[]): Promise<Deployment> => {
    const { deployment } = (await ok(project, ...args, '--json')).documents().at(-1) as { deployment: Deployment }
    return deployment
  }

  const more = async (project: Project, one: Deployment) => {
    const back = await deployed(project, 'deployments', 'rollback', project.id)
    expect(back).toMatchObject({ trigger: 'rollback', release: { id: one.release?.id }, target: machine.key })
    expect(await project.ask()).toMatchObject({ by: back.id, text: 'one\n' })

    expect((await ok(project, 'status', '--target', 'ssh')).stdout).toMatch(
      new RegExp(`on ${machine.key}[^]*${back.id}`),
    )
    expect((await ok(project, 'logs', project.id)).code).toBe(0)
    expect((await ok(project, 'exec', project.id, '--', 'hostname')).stdout.trim()).not.toBe('')
    expect((await ok(project, 'doctor')).stdout).toContain(`${machine.key}.docker-access`)
    await ok(project, 'reconcile')
    await ok(project, 'prune')
  }

  it('deploys there, replaces under load, brings back, tells, and takes away', { timeout: 300_000 }, async () => {
    const project = await machine.project(appaloft.folder('shop'))
    project.site('one')
    const one = await deployed(project, 'up')
    expect(one).toMatchObject({ status: 'succeeded', target: machine.key })
    expect(await project.ask()).toMatchObject({ status: 200, by: one.id, text: 'one\n' })
    // Nobody else listens, and everything that Caddy keeps is there, for that user alone.
    expect(existsSync(join(machine.caddyRoot, 'run/caddy.json'))).toBe(true)
    expect(existsSync(join(appaloft.stateDir(), 'docker'))).toBe(false)

    // From now on without the configuration of the target: the state folder knows the machine.
    project.forget()
    project.site('two')
    const load = project.load()
    const two = await deployed(project, 'up')
    const told = await load.end()
    expect(told.failed).toEqual([])
    expect(told.served).toBeGreaterThan(10)
    expect(await project.ask()).toMatchObject({ by: two.id, text: 'two\n' })

    project.forget({ health: { path: '/missing', intervalSeconds: 1, retries: 1, startPeriodSeconds: 1 } })
    const bad = await call(project, 'up', '--json')
    expect(bad.code).toBe(1)
    expect((bad.documents().at(-1) as { deployment: Deployment }).deployment).toMatchObject({
      status: 'failed',
      failure: { code: 'health-status-unexpected' },
      rollback: { outcome: 'restored' },
    })
    expect(await project.ask()).toMatchObject({ by: two.id })

    if (all) await more(project, one)

    const there = await call(project, 'up', '--target', 'process')
    expect(there.text).toContain(`--target ${machine.key}`)
    const done = await ok(project, 'down', '--proxy')
    expect(done.stdout).toContain('certificates stay')
    await expect(project.ask()).rejects.toThrow()
    expect(lines('ps', '--all', '--quiet', '--filter', `label=appaloft.scope=${machine.scope}`)).toEqual([])
    expect(JSON.parse(readFileSync(join(appaloft.stateDir(), 'ssh.json'), 'utf8')).machines).toHaveLength(1)
  })

  it('plans without connecting', async () => {
    const project = await machine.project(appaloft.folder('shop'))
    project.site('one')
    const [asked, proxy] = [join(project.folder, '..', 'asked'), join(project.folder, '..', 'ssh_config')]
    writeFileSync(proxy, `Host *\n  ProxyCommand sh -c 'touch ${asked}; exit 1'\n`)
    project.configure({ ssh: { configFile: proxy } })
    const planned = await ok(project, 'plan')
    expect(planned.stdout).toContain('static-site')
    expect(existsSync(asked)).toBe(false)
    // Who would connect, would be seen.
    expect((await call(project, 'up')).code).toBe(1)
    expect(existsSync(asked)).toBe(true)
  })

  it.each<[string, (machine: TestMachine) => object, string, RegExp]>([
    [
      'a host key that nobody knows',
      () => ({ knownHosts: { file: '/no/such' } }),
      'host-key-unknown',
      /by hand with ssh, add --accept-new-host-key, or pin the key with ssh: \{ knownHosts/,
    ],
    ['another host key', () => ({ knownHosts: { keys: [otherKey] } }), 'host-key-changed', /ssh-keygen -R/],
    ['a wrong login', () => ({ identityFile: '/etc/hostname' }), 'host-login-refused', /authorized_keys/],
    [
      'a user without rights at Docker',
      () => ({ destination: 'stranger@127.0.0.1' }),
      'runtime-backend-unavailable',
      /usermod -aG docker/,
    ],
    ['no Docker', () => ({ socket: '/no/docker.sock' }), 'runtime-backend-unavailable', /Install Docker Engine/],
  ])('says what is wrong and what to do: %s', async (_, changes, code, fix) => {
    const project = await machine.project(appaloft.folder('shop'))
    project.site('one')
    project.configure({ ssh: changes(machine) })
    const done = await call(project, 'up')
    expect(done.code, done.text).toBe(1)
    expect(done.text).toContain(code)
    expect(done.text.replaceAll(/\s+/g, ' ')).toMatch(fix)
  })

  it('is stopped in the middle of a build, and leaves nothing running', { timeout: 120_000 }, async () => {
    const project = await machine.project(appaloft.folder('shop'))
    const seconds = nap()
    writeFileSync(join(project.folder, 'Dockerfile'), `FROM busybox:stable\nRUN sleep ${seconds}\nEXPOSE 80\n`)
    const running = appaloft.start(['up', '--json'], { cwd: project.folder, env: project.env })
    await expect.poll(() => living(seconds), { timeout: 60_000 }).not.toEqual([])
    running.child.kill('SIGINT')
    const done = await running.finished
    expect(done.code, done.stderr).toBe(130)
    expect((done.documents().at(-1) as { deployment: Deployment }).deployment.status).toBe('canceled')
    await gone(seconds)
    expect(lines('ps', '--all', '--quiet', '--filter', `label=appaloft.resource=${project.id}`)).toEqual([])
  })
})
