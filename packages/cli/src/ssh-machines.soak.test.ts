import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Rollout } from '@appaloft/core/spec'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type FarMachine, farMachines, haveMachines, withoutMachines } from '../../target-ssh/test/engines.js'
import { commandPath } from '../test/machine.js'
import { program } from '../test/program.js'

describe.skipIf(!haveMachines)(`the command with several machines ${withoutMachines}`, () => {
  const appaloft = program()

  it('brings a release to all, stops at a bad first one, goes back and takes all away', {
    timeout: 600_000,
  }, async () => {
    const machines = await farMachines(2, { images: ['busybox:stable'] })
    onTestFinished(async () => {
      for (const one of machines) await one.close()
    })
    await Promise.all(machines.map(usual))
    const folder = appaloft.folder('shop')
    const configFile = join(folder, '..', 'ssh_config')
    // What a user has in ~/.ssh/config.
    const hosts = machines.map(({ sshd }, at) => {
      const lines = { HostName: '127.0.0.1', Port: sshd.port, IdentityFile: sshd.identityFile, User: 'plain' }
      return [`Host web${at + 1}`, ...Object.entries(lines).map(([name, value]) => `  ${name} ${value}`)].join('\n')
    })
    writeFileSync(configFile, `${hosts.join('\n')}\n`)
    const keys = machines.map(({ sshd }) => sshd.hostKey)
    const write = (command: string, ssh: object | undefined) => {
      writeFileSync(join(folder, 'Dockerfile'), `FROM busybox:stable\nCMD ["/bin/sh", "-c", "${command}"]\n`)
      const network = { exposure: 'none' as const, drainSeconds: 1 }
      // A folder that each of the two has for itself: the rest of the disk is one.
      const target = { target: 'ssh', caddy: { root: '/run/appaloft-caddy' } }
      const where = ssh === undefined ? {} : { ...target, ssh: { ...ssh, configFile, knownHosts: { keys } } }
      const config = {
        id: 'res_shop',
        network,
        health: { type: 'command', command: 'true', intervalSeconds: 1 },
        ...where,
      }
      writeFileSync(join(folder, 'appaloft.config.json'), JSON.stringify(config))
    }
    const env = { PATH: commandPath, DOCKER_HOST: 'unix:///nowhere' }
    const run = async (code: number, ...args: string[]) => {
      const done = await appaloft.run(args, { cwd: folder, env })
      expect(done.code, `${args.join(' ')}: ${done.stdout}${done.stderr}`).toBe(code)
      return done
    }
    const rolled = async (code: number, ...args: string[]) =>
      ((await run(code, ...args, '--json')).documents().at(-1) as { rollout: Rollout }).rollout
    const ssh = ['ssh:web1', 'ssh:web2']

    write('exec sleep 100001', { hosts: ['web1', 'web2'] })
    const one = await rolled(0, 'up')
    expect(one.targets).toMatchObject(ssh.map((target) => ({ target, status: 'succeeded' })))
    // The state folder knows both.
    write('exec sleep 100002', undefined)
    const status = await run(0, 'status')
    for (const key of ssh) expect(status.stdout).toContain(`on ${key}`)

    write('exit 1', { hosts: ['web1', 'web2'] })
    const bad = await rolled(1, 'up', '--batch', '1')
    expect(bad).toMatchObject({
      status: 'failed',
      targets: [{ status: 'failed', rollback: { outcome: 'restored' } }, { status: 'not-begun' }],
    })

    write('exec sleep 100002', { hosts: ['web1', 'web2'] })
    expect(await rolled(0, 'up', '--together', '--batch', '2')).toMatchObject({ status: 'succeeded' })
    write('exec sleep 100002', undefined)
    const back = await rolled(0, 'deployments', 'rollback', 'shop', '--together')
    expect(back.targets).toMatchObject(ssh.map((target) => ({ target, status: 'succeeded' })))
    for (const key of ssh)
      expect((await run(0, 'exec', 'shop', '--target', key, '--', 'cat', '/proc/1/cmdline')).stdout).toContain('100001')
    await run(0, 'down', 'shop')
    expect((await run(0, 'status')).stdout).toContain('Nothing was deployed')
  })
})

/** Its engine where engines usually listen, for that machine alone. */
async function usual({ sshd, socket }: FarMachine): Promise<void> {
  const host = sshd.host()
  try {
    const { exitCode, stderr } = await host.exec(['/bin/ln', '-sf', socket, '/run/docker.sock'])
    expect(exitCode, stderr).toBe(0)
  } finally {
    await host.close()
  }
}
