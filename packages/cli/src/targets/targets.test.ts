import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import type { Appaloft, Store } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { deploymentId, releaseId, temporaryFolder, world } from '../../test/support.js'
import { CliError } from '../errors.js'
import { dockerChoice, withTargetFlags } from './choice.js'
import { withDefaultTarget } from './default-target.js'
import { inForce, recall, remember } from './remembered.js'

const refusalOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return error instanceof CliError ? error.json : error
  }
  return null
}
const rejectionOf = async (work: Promise<unknown>) => {
  const error = await work.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(CliError)
  return (error as CliError).json
}

async function live(...on: string[]): Promise<Store> {
  const store = memoryStore()
  const definition = { id: 'res_a', source: { kind: 'local-folder' as const, path: '/a' } }
  const ref = { deploymentId, releaseId }
  const there = Object.fromEntries(on.map((key) => [key, ref]))
  await store.putResource({ id: 'res_a', definition, live: there, createdAt: '', updatedAt: '' }, null)
  return store
}

describe('the flags that choose a target', () => {
  it('win over the file, and leave the rest of it', () => {
    const file = { target: 'process', retention: 2 } as const
    expect(withTargetFlags(file, { target: 'docker', proxy: 'caddy' })).toEqual({
      ...{ target: 'docker', proxy: 'caddy', retention: 2 },
    })
    const both = { target: 'docker', proxy: 'caddy' } as const
    expect(withTargetFlags(both, { target: 'process' })).toEqual({ target: 'process' })
    expect(withTargetFlags(both, {})).toEqual(both)
  })

  it('are refused where they make no sense', () => {
    expect(refusalOf(() => withTargetFlags({}, { target: 'moon' }))).toMatchObject({
      code: 'target-not-found',
      message: expect.stringContaining('process, docker'),
    })
    expect(refusalOf(() => withTargetFlags({}, { proxy: 'caddy' }))).toMatchObject({ code: 'invalid-input' })
    expect(refusalOf(() => withTargetFlags({ targets: [] }, { proxy: 'caddy' }))).toMatchObject({
      code: 'invalid-input',
    })
    expect(withTargetFlags({ targets: [] }, { target: 'moon' })).toEqual({ targets: [] })
  })

  it('without Docker in them change nothing: releases go where they went', () => {
    const remembered = { proxy: 'caddy', docker: { scope: 'x' }, caddy: { http: ':81' } } as const
    expect(dockerChoice({}, null)).toBeNull()
    expect(dockerChoice({}, remembered)).toEqual(remembered)
    expect(dockerChoice({ target: 'docker' }, remembered)).toEqual(remembered)
    expect(dockerChoice({ target: 'docker', proxy: 'embedded' }, remembered)?.proxy).toBe('embedded')
    expect(dockerChoice({ target: 'docker' }, null)).toEqual({ proxy: 'embedded', docker: {}, caddy: {} })
  })
})

describe('what is remembered of Docker', () => {
  const choice = { proxy: 'embedded', docker: {}, caddy: {} } as const

  it('is readable by this user alone, and the same again', async () => {
    const folder = join(temporaryFolder(), 'state')
    expect(await recall(folder)).toBeNull()
    await remember(folder, choice, null, memoryStore())
    expect(await recall(folder)).toEqual(choice)
    expect(statSync(join(folder, 'docker.json')).mode & 0o777).toBe(0o600)
    mkdirSync(join(folder, 'bad'))
    writeFileSync(join(folder, 'bad/docker.json'), '{"proxy":"nginx"}')
    expect((await rejectionOf(recall(join(folder, 'bad')))).recoveryHint).toContain('--target docker')
  })

  it('does not change under what is live', async () => {
    const folder = temporaryFolder()
    await remember(folder, choice, null, memoryStore())
    const other = { ...choice, proxy: 'caddy' } as const
    const refused = await rejectionOf(remember(folder, other, choice, await live('docker')))
    expect(refused).toMatchObject({ code: 'invalid-input', message: expect.stringContaining('proxy was embedded') })
    expect(refused.recoveryHint).toContain('res_a')
    expect(await recall(folder)).toEqual(choice)
    // And every other command reaches it as it was deployed.
    expect(await inForce(other, choice, await live('docker'))).toBe(choice)
    expect(await inForce(other, choice, memoryStore())).toBe(other)
    // Ports may change under it, and everything where nothing is live.
    await remember(folder, { ...choice, docker: { pull: 'never' } }, choice, await live('docker'))
    await remember(folder, other, choice, await live('process'))
    expect(JSON.parse(readFileSync(join(folder, 'docker.json'), 'utf8'))).toEqual(other)
  })
})

describe('the target of a call that names none', () => {
  const asking = (store: Store, asked?: string) => {
    const calls: (string | undefined)[] = []
    const begun: string[] = []
    const note = async (_: unknown, given?: { target?: string }) => void calls.push(given?.target)
    const begin = async (request: { target?: string | null }) => void calls.push(request.target ?? undefined)
    const engine = withDefaultTarget(
      {
        deployments: { plan: begin, create: begin, rollback: note },
        resources: { status: note, redeploy: note },
      } as unknown as Appaloft,
      { store, asked, keys: ['process', 'docker'], begins: async (target) => void begun.push(target) },
    )
    return { engine, calls, begun }
  }
  const definition = { id: 'res_a', source: { kind: 'local-folder' as const, path: '/a' } }

  it('is that where the resource is live, else the one asked for, else local processes', async () => {
    const none = asking(memoryStore())
    await none.engine.deployments.create({ resource: definition })
    await none.engine.deployments.plan({ resource: definition })
    expect(none.calls).toEqual(['process', 'process'])
    const asked = asking(memoryStore(), 'docker')
    await asked.engine.deployments.create({ resource: definition })
    await asked.engine.resources.status('res_a')
    expect(asked).toMatchObject({ calls: ['docker', 'docker'], begun: ['docker'] })
    const there = asking(await live('docker'))
    await there.engine.deployments.create({ resource: definition })
    await there.engine.resources.redeploy('res_a')
    await there.engine.resources.status('res_a')
    await there.engine.deployments.rollback('res_a')
    await there.engine.resources.status('res_a', { target: 'process' })
    expect(there.calls).toEqual(['docker', 'docker', 'docker', 'docker', 'process'])
    await there.engine.deployments.plan({ resource: definition, target: null })
    expect(there.calls.at(-1)).toBeUndefined()
  })

  it('is never a second one', async () => {
    const there = asking(await live('process'), 'docker')
    const refused = await rejectionOf(there.engine.deployments.create({ resource: definition }))
    expect(refused).toMatchObject({ code: 'invalid-input', recoveryHint: expect.stringContaining('--target process') })
    expect(there).toMatchObject({ calls: [], begun: [] })
    // What is live is asked where it is; a preview may ask anything.
    await there.engine.resources.status('res_a')
    await there.engine.deployments.plan({ resource: definition })
    expect(there.calls).toEqual(['process', 'docker'])
  })
})

describe('on the command line', () => {
  it('the flags reach the detached process', async () => {
    const w = world()
    expect(await w.run('up', '--detach', '--target', 'docker', '--proxy', 'caddy')).toBe(0)
    expect(w.jobs[0]).toMatchObject({ targets: { target: 'docker', proxy: 'caddy' }, request: { target: 'docker' } })
  })

  it.each([
    [['up', '--proxy', 'caddy'], 'Add --target docker'],
    [['plan', '--proxy', 'nginx'], 'embedded, caddy'],
    [['doctor', '--target', 'moon'], 'process, docker'],
  ])('%j is refused with what to type', async (argv, text) => {
    const w = world()
    expect(await w.run(...argv)).toBeGreaterThan(0)
    expect(w.stdout.text + w.stderr.text).toContain(text)
  })
})
