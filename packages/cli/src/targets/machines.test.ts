import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import type { Appaloft, Store } from '@appaloft/core/spec'
import { samplePlan } from '@appaloft/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deploymentId, releaseId, temporaryFolder, world } from '../../test/support.js'
import { CliError } from '../errors.js'
import { type TargetFlags, withTargetFlags } from './choice.js'
import { type MachineChoice, machineChoiceSchema } from './config.js'
import { withDefaultTarget } from './default-target.js'
import { machineChoices, machineKey, parseMachine } from './machines.js'
import { machineInForce, machinesInUse, recallMachines, rememberMachine } from './remembered-machines.js'
import { composeSsh } from './ssh.js'

const refusalOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return error instanceof CliError ? error.json : error
  }
  return null
}
const web1: MachineChoice = { ssh: { destination: 'deploy@web1' }, caddy: {} }
const web2: MachineChoice = { ssh: { destination: 'deploy@web2', port: 2222 }, caddy: { http: ':81' } }

async function live(...on: string[]): Promise<Store> {
  const store = memoryStore()
  const definition = { id: 'res_a', source: { kind: 'local-folder' as const, path: '/a' } }
  const there = Object.fromEntries(on.map((key) => [key, { deploymentId, releaseId }]))
  await store.putResource({ id: 'res_a', definition, live: there, createdAt: '', updatedAt: '' }, null)
  return store
}

describe('a machine', () => {
  it.each([
    ['web1', { destination: 'web1' }, 'ssh:web1'],
    ['deploy@web1', { destination: 'deploy@web1' }, 'ssh:deploy@web1'],
    ['deploy@web1:2222', { destination: 'deploy@web1', port: 2222 }, 'ssh:deploy@web1:2222'],
    ['deploy@2001:db8::1', { destination: 'deploy@2001:db8::1' }, 'ssh:deploy@2001:db8::1'],
    ['deploy@[2001:db8::1]:2222', { destination: 'deploy@2001:db8::1', port: 2222 }, 'ssh:deploy@[2001:db8::1]:2222'],
  ])('%s is named by its key', (text, machine, key) => {
    expect(parseMachine(text)).toEqual(machine)
    expect(machineKey(machine)).toBe(key)
    expect(parseMachine(key.slice('ssh:'.length))).toEqual(machine)
  })
})

it.each(['', '-oProxyCommand=id', 'ssh://web', 'a b'])('%j is none', (name) => {
  const asked = () => machineChoices({ target: 'ssh', ssh: { hosts: [name] } })
  expect(refusalOf(asked)).toMatchObject({
    message: expect.stringContaining('names no machine'),
    recoveryHint: expect.stringContaining('USER@HOST'),
  })
})

describe('the flags that choose a machine', () => {
  const at = (...hosts: string[]) => ({ target: 'ssh', ssh: { hosts } })

  it('name it, with or without the target', () => {
    expect(withTargetFlags({}, { target: 'ssh', host: ['deploy@web1'] })).toEqual(at('deploy@web1'))
    expect(withTargetFlags({}, { host: ['deploy@web1'] })).toEqual(at('deploy@web1'))
    expect(withTargetFlags({}, { target: 'ssh:deploy@web1:22' })).toEqual(at('deploy@web1:22'))
    expect(withTargetFlags({}, { host: ['web1'], proxy: 'caddy' })).toEqual({ ...at('web1'), proxy: 'caddy' })
    expect(withTargetFlags({}, { host: ['web1'], acceptNewHostKey: true })).toEqual({
      target: 'ssh',
      ssh: { hosts: ['web1'], knownHosts: 'accept-new' },
    })
  })

  it('leave of the file what is of any machine', () => {
    const ssh = { destination: 'deploy@web1', port: 2222, address: 'shop.example', identityFile: '/id' }
    const file = { target: 'ssh', ssh, caddy: { tls: 'off' } } as const
    expect(withTargetFlags(file, {})).toEqual(file)
    expect(withTargetFlags(file, { host: ['deploy@web1'] }).ssh).toEqual({
      ...{ hosts: ['deploy@web1'], port: 2222, address: 'shop.example', identityFile: '/id' },
    })
    expect(withTargetFlags(file, { host: ['deploy@web2'] })).toEqual({
      ...{ target: 'ssh', ssh: { hosts: ['deploy@web2'], identityFile: '/id' }, caddy: { tls: 'off' } },
    })
    // What the file says of a proxy is for the target that it names.
    const docker = { target: 'docker', proxy: 'caddy', caddy: { http: ':8080' } } as const
    expect(withTargetFlags(docker, { host: ['web1'] })).toEqual(at('web1'))
  })

  it.each([
    ['the embedded proxy', {}, { host: ['web1'], proxy: 'embedded' }, 'Leave --proxy out'],
    ['a host of another target', {}, { host: ['web1'], target: 'docker' }, 'Add --target ssh'],
    ['a new key of no machine', {}, { acceptNewHostKey: true }, 'Add --target ssh'],
    ['two names', {}, { host: ['web1'], target: 'ssh:web1' }, 'Name the machine once'],
  ] as [string, object, TargetFlags, string][])('are refused with %s', (_, file, flags, hint) => {
    expect(refusalOf(() => withTargetFlags(file, flags))).toMatchObject({
      code: 'invalid-input',
      recoveryHint: expect.stringContaining(hint),
    })
  })

  it('are refused beside targets of the configuration', () => {
    expect(refusalOf(() => withTargetFlags({ targets: [] }, { host: ['web1'] }))).toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('--host'),
    })
  })
})

describe('how a machine is reached', () => {
  const ask = (ssh: object, remembered: MachineChoice[] = [], more: object = {}) =>
    machineChoices({ target: 'ssh', ssh, ...more }, remembered)

  it('is as the configuration says, else as before', () => {
    expect(ask({ destination: 'deploy@web1', scope: 'x' })).toEqual([
      { ssh: { destination: 'deploy@web1', scope: 'x' }, caddy: {} },
    ])
    expect(ask({ hosts: ['deploy@web2:2222'] }, [web1, web2])).toEqual([web2])
    expect(ask({ hosts: ['deploy@web2'] }, [web1, web2])).toEqual([{ ssh: { destination: 'deploy@web2' }, caddy: {} }])
    expect(ask({ hosts: ['deploy@web2:2222'] }, [web2], { caddy: { tls: 'off' } })[0]?.caddy).toEqual({ tls: 'off' })
    expect(machineChoices({}, [web1])).toEqual([])
  })

  it('needs no name while there is one machine', () => {
    expect(ask({}, [web2])).toEqual([web2])
    expect(refusalOf(() => ask({}, [web1, web2]))).toMatchObject({
      message: expect.stringContaining('deploy@web2:2222'),
    })
    expect(refusalOf(() => ask({}))).toMatchObject({ recoveryHint: expect.stringContaining('--host USER@HOST') })
    expect(refusalOf(() => ask({ hosts: ['web1', 'web1'] }))).toMatchObject({ code: 'invalid-input' })
  })
})

describe('what is remembered of machines', () => {
  it('is each by its key, and keys of hosts that were accepted once are asked for again', async () => {
    const folder = join(temporaryFolder(), 'state')
    expect(await recallMachines(folder)).toEqual([])
    await rememberMachine(folder, { ...web1, ssh: { ...web1.ssh, knownHosts: 'accept-new' } }, memoryStore())
    await rememberMachine(folder, web2, memoryStore())
    expect(await recallMachines(folder)).toEqual([web1, web2])
    const moved = { ...web2, caddy: { http: ':82' } }
    await rememberMachine(folder, moved, await live('ssh:deploy@web2:2222'))
    expect(await recallMachines(folder)).toEqual([web1, moved])
  })

  it('does not change under what is live', async () => {
    const folder = temporaryFolder()
    await rememberMachine(folder, web1, memoryStore())
    const other = { ...web1, ssh: { ...web1.ssh, scope: 'other' } }
    const there = await live('ssh:deploy@web1')
    const refused = await rememberMachine(folder, other, there).catch((error: unknown) => error)
    expect((refused as CliError).json).toMatchObject({
      message: expect.stringContaining('ssh.scope was not set and is other'),
      recoveryHint: expect.stringContaining('res_a'),
    })
    expect(await recallMachines(folder)).toEqual([web1])
    expect(await machineInForce(other, [web1], there)).toEqual(web1)
    expect(await machineInForce(other, [web1], memoryStore())).toEqual(other)
    // Another way to the same machine is none of it.
    const way = { ...web1, ssh: { ...web1.ssh, identityFile: '/new' } }
    expect(await machineInForce(way, [web1], there)).toEqual(way)
  })

  it('is asked where something of ours may be', async () => {
    expect(await machinesInUse([web1, web2], memoryStore())).toEqual([])
    expect(await machinesInUse([web1, web2], await live('ssh:deploy@web2:2222'))).toEqual([web2])
  })
})

describe('the target ssh', () => {
  const asking = async (keys: string[], asked?: string) => {
    const calls: (string | undefined)[] = []
    const note = async (_: unknown, given?: { target?: string }) => void calls.push(given?.target)
    const begin = async (request: { target?: string | null }) => void calls.push(request.target ?? undefined)
    const engine = withDefaultTarget(
      {
        deployments: { plan: begin, create: begin, rollback: note },
        resources: { status: note, redeploy: note },
      } as unknown as Appaloft,
      { store: memoryStore(), asked, keys: ['process', ...keys], begins: async () => {} },
    )
    return { engine, calls }
  }

  it('is the machine that is asked for, or the only one', async () => {
    const resource = { id: 'res_a', source: { kind: 'local-folder' as const, path: '/a' } }
    const both = await asking(['ssh:a', 'ssh:b'], 'ssh:b')
    await both.engine.deployments.create({ resource, target: 'ssh' })
    await both.engine.deployments.create({ resource })
    await both.engine.resources.status('res_a', { target: 'ssh' })
    await both.engine.deployments.rollback('res_a', { target: 'ssh' })
    expect(both.calls).toEqual(['ssh:b', 'ssh:b', 'ssh:b', 'ssh:b'])
    const only = await asking(['ssh:a'])
    await only.engine.resources.redeploy('res_a', { target: 'ssh' })
    await only.engine.resources.status('res_a', { target: 'ssh:a' })
    expect(only.calls).toEqual(['ssh:a', 'ssh:a'])
    const several = await asking(['ssh:a', 'ssh:b'])
    await several.engine.resources.status('res_a', { target: 'ssh' })
    expect(several.calls).toEqual(['ssh'])
  })

  it('reaches the detached process with its flags', async () => {
    const w = world()
    expect(await w.run('up', '--detach', '--host', 'deploy@web1', '--accept-new-host-key')).toBe(0)
    expect(w.jobs[0]).toMatchObject({ targets: { host: ['deploy@web1'], acceptNewHostKey: true } })
  })
})

describe('a rollout', () => {
  const rollingOut = (store: Store) => {
    const calls: unknown[] = []
    const begun: string[] = []
    const rollout = async (_: unknown, options?: { targets?: string[] }) => void calls.push(options?.targets)
    const engine = withDefaultTarget({ deployments: { rollout }, resources: {} } as unknown as Appaloft, {
      ...{ store, asked: 'ssh:a', machines: ['ssh:a', 'ssh:b'], keys: ['process', 'ssh:a', 'ssh:b'] },
      begins: async (target) => void begun.push(target),
    })
    return { engine, calls, begun }
  }

  it('goes to the machines that are asked for, and remembers each', async () => {
    const { engine, calls, begun } = rollingOut(await live('ssh:b'))
    await engine.deployments.rollout({ resource: 'res_a' })
    expect({ calls, begun }).toEqual({ calls: [['ssh:a', 'ssh:b']], begun: ['ssh:a', 'ssh:b'] })
  })

  it('is refused where something live would compete with it', async () => {
    const { engine, calls } = rollingOut(await live('process'))
    await expect(engine.deployments.rollout({ resource: 'res_a' })).rejects.toThrow(/live on process/)
    expect(calls).toEqual([])
  })
})

it.each([
  ['remote', []],
  ['local', ['upload']],
  [{ registry: 'registry.example.com/team/shop' }, ['upload']],
] as const)('shows where images are made: %j', async (build, uploads) => {
  const choice = machineChoiceSchema.parse({ ssh: { destination: 'deploy@web1', build }, caddy: {} })
  const { target, close } = await composeSsh(choice, {})
  onTestFinished(close)
  const { steps } = target.describe(samplePlan())
  expect(steps.flatMap(({ step }) => (step === 'upload' ? [step] : []))).toEqual(uploads)
})
