import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@appaloft/core/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { haveSshd, startSshd } from '../../target-ssh/test/sshd.js'
import { lines } from '../test/docker/engine.js'
import { haveEngine, machineOf, needed, type Project, type TestMachine } from '../test/machine.js'
import { program } from '../test/program.js'

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

    const back = await deployed(project, 'deployments', 'rollback', project.id)
    expect(back).toMatchObject({ trigger: 'rollback', release: { id: one.release?.id }, target: machine.key })
    expect(await project.ask()).toMatchObject({ by: back.id, text: 'one\n' })

    expect((await ok(project, 'status')).stdout).toContain(`on ${machine.key}`)
    expect((await ok(project, 'status', '--target', 'ssh')).stdout).toContain(back.id)
    expect((await ok(project, 'logs', project.id)).code).toBe(0)
    expect((await ok(project, 'exec', project.id, '--', 'hostname')).stdout.trim()).not.toBe('')
    expect((await ok(project, 'doctor')).stdout).toContain(`${machine.key}.docker-access`)
    await ok(project, 'reconcile')
    await ok(project, 'prune')
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
})
