import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import type { ResourceRecord, Resources, SnapshotVariable, Store, VariableChanges } from '@appaloft/core/spec'
import { sampleRelease } from '@appaloft/testkit'
import { describe, expect, it, vi } from 'vitest'
import { aDeployment, aHandle, deploymentId, temporaryFolder, type WorldOptions, world } from '../../test/support.js'

const clear = (value: string): SnapshotVariable => ({ value, scope: 'runtime' })
const sealed = (version: number): SnapshotVariable => ({
  secret: true,
  name: 'TOKEN',
  version,
  digest: `digest-${version}`,
  scope: 'both',
})
const releaseId = 'rel_01k0000000000000000000000a'

interface Given {
  environment?: Record<string, SnapshotVariable>
  variables?: string[]
  /** What runs; nothing runs without it. */
  running?: Record<string, SnapshotVariable>
}

async function storeWith({ environment = {}, variables, running }: Given): Promise<Store> {
  const store = memoryStore()
  const at = '2026-01-01T00:00:00.000Z'
  const live: ResourceRecord['live'] = running === undefined ? {} : { process: { deploymentId, releaseId } }
  const definition = { id: 'res_web', source: { kind: 'local-folder' as const, path: '/srv/web' }, environment }
  const rest = variables === undefined ? {} : { variables }
  await store.putResource({ id: 'res_web', definition, live, ...rest, createdAt: at, updatedAt: at }, null)
  if (running !== undefined) {
    const release = sampleRelease({ id: releaseId, deploymentId, resourceId: 'res_web' })
    vi.spyOn(store, 'getRelease').mockResolvedValue({ ...release, plan: { ...release.plan, environment: running } })
  }
  return store
}

/** A command line over a store, with the engine's verb as far as the commands see it. */
async function scene(given: Given, options: WorldOptions = {}) {
  const store = await storeWith(given)
  const get = async (id: string) => store.getResource(id)
  const setVariables = vi.fn(async (id: string, changes: VariableChanges): Promise<ResourceRecord> => {
    const present = (await store.getResource(id)) as ResourceRecord
    const environment: Record<string, SnapshotVariable> = { ...present.definition.environment }
    for (const [name, change] of Object.entries(changes)) {
      if (change === null) delete environment[name]
      else environment[name] = change.secret ? sealed(9) : { value: change.value, scope: change.scope ?? 'runtime' }
    }
    return { ...present, definition: { ...present.definition, environment }, stateVersion: present.stateVersion + 1 }
  })
  const redeploy = vi.fn<Resources['redeploy']>(async () => aHandle(aDeployment()))
  const w = world({ ...options, store, engine: { resources: { get, setVariables, redeploy } } })
  return { w, setVariables, redeploy }
}

describe('env list', () => {
  it('shows names, scopes and values, and of a secret the version alone', async () => {
    const { w } = await scene({
      environment: { B: clear('two'), A: clear('\u001b[31mone'), TOKEN: sealed(3) },
      variables: ['B'],
    })
    expect(await w.run('env', 'list', 'web')).toBe(0)
    expect(w.stdout.lines).toEqual([
      'NAME   SCOPE    FROM        VALUE',
      'A      runtime  definition  one',
      'B      runtime  env set     two',
      'TOKEN  both     definition  secret, version 3',
    ])
  })

  it('says what has not reached what runs', async () => {
    const running = { A: clear('old'), GONE: clear('x'), SAME: clear('same') }
    const { w } = await scene({ environment: { A: clear('new'), SAME: clear('same') }, running })
    await w.run('env', 'list', 'web')
    expect(w.stdout.text).toContain('Not in what runs yet: A, GONE. appaloft redeploy web')
  })

  it('is JSON lines with --json', async () => {
    const { w } = await scene({ environment: { A: clear('one'), TOKEN: sealed(3) }, variables: ['TOKEN'] })
    expect(await w.run('env', 'list', 'web', '--json')).toBe(0)
    const common = { kind: 'variable', resourceId: 'res_web', live: true }
    expect(w.documents()).toEqual([
      { ...common, name: 'A', scope: 'runtime', from: 'definition', secret: false, value: 'one' },
      { ...common, name: 'TOKEN', scope: 'both', from: 'set', secret: true, version: 3 },
    ])
  })

  it('says so where there are none, and which resource was meant', async () => {
    const { w } = await scene({})
    expect(await w.run('env', 'list', 'web')).toBe(0)
    expect(w.stdout.text).toContain('appaloft env set web NAME=VALUE')
    expect(await w.run('env', 'list', 'wbe')).toBe(4)
    expect(w.stderr.text).toContain('Did you mean web?')
  })
})

describe('env set', () => {
  it('passes on what was given, and says what brings it to the application', async () => {
    const { w, setVariables } = await scene({ running: {} })
    expect(await w.run('env', 'set', 'web', 'A=1=2', 'B=', '--scope', 'both')).toBe(0)
    expect(setVariables.mock.calls).toEqual([
      ['res_web', { A: { value: '1=2', scope: 'both' }, B: { value: '', scope: 'both' } }],
    ])
    expect(w.stdout.lines).toEqual([
      '✔ res_web: A, B',
      'What runs has it after the next deployment: appaloft redeploy res_web',
    ])
  })

  it('reads secrets from the environment, from files and from stdin, and never shows them', async () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'key.pem'), 'from-a-file\n')
    const { w, setVariables } = await scene({}, { cwd, env: { TOKEN: 'from-the-env' }, stdin: 'from-stdin' })
    expect(await w.run('env', 'set', 'web', '--secret', 'TOKEN', '--secret', 'KEY=@key.pem', '--secret', 'PIN=-')).toBe(
      0,
    )
    expect(setVariables.mock.calls[0]?.[1]).toEqual({
      TOKEN: { value: 'from-the-env', secret: true },
      KEY: { value: 'from-a-file', secret: true },
      PIN: { value: 'from-stdin', secret: true },
    })
    expect(w.stdout.text + w.stderr.text).not.toContain('from-')
  })

  it.each([
    ['nothing to set', ['web'], 2, /Nothing to set/],
    ['no value', ['web', 'A'], 2, /NAME=VALUE/],
    ['a secret’s value in clear', ['web', '--secret', 'TOKEN=hunter2'], 2, /must not stand on the command line/],
    ['a value for what is a secret', ['web', 'TOKEN=hunter2'], 2, /env unset res_web TOKEN/],
    ['a name given twice', ['web', 'A=1', '--secret', 'A=-'], 2, /given twice/],
    ['a name that is none', ['web', '9A=1'], 2, /9A is no name of a variable/],
    ['a scope that is none', ['web', 'A=1', '--scope', 'all'], 2, /build, runtime, both/],
    ['a resource that is not there', ['shop', 'A=1'], 4, /There is no resource shop/],
  ])('refuses %s', async (_what, argv, code, said) => {
    const { w, setVariables } = await scene({ environment: { TOKEN: sealed(1) } })
    expect(await w.run('env', 'set', ...argv)).toBe(code)
    expect(w.stderr.text).toMatch(said)
    expect(w.stderr.text).not.toContain('hunter2')
    expect(setVariables).not.toHaveBeenCalled()
  })

  it('warns where the definition will have its way again', async () => {
    const { w } = await scene({ environment: { A: clear('file'), B: clear('set') }, variables: ['B'] })
    await w.run('env', 'set', 'web', 'A=1', 'B=2')
    expect(w.stderr.lines).toEqual([
      expect.stringMatching(/A came with the definition.*next appaloft up takes its value/),
    ])
  })

  it('deploys again at once with --redeploy, and ends as that does', async () => {
    const { w, redeploy } = await scene({ running: {} })
    expect(await w.run('env', 'set', 'web', 'A=1', '--redeploy', '--target', 'process', '--json')).toBe(0)
    expect(redeploy).toHaveBeenCalledWith('res_web', expect.objectContaining({ target: 'process' }))
    expect(w.documents().map(({ kind }) => kind)).toEqual(['variables-changed', 'closed', 'result'])
    expect(w.documents()[0]).toEqual({
      kind: 'variables-changed',
      resourceId: 'res_web',
      changed: ['A'],
      stateVersion: 2,
    })
    redeploy.mockResolvedValue(aHandle(aDeployment({ status: 'failed' })))
    expect(await w.run('env', 'set', 'web', 'A=2', '--redeploy', '-q')).toBe(1)
  })

  it('says that nothing changed', async () => {
    const { w } = await scene({ environment: { A: clear('1') }, variables: ['A'], running: {} })
    expect(await w.run('env', 'set', 'web', 'A=1')).toBe(0)
    expect(w.stdout.text).toBe('Nothing to change: it is so already.\n')
  })
})

describe('env unset', () => {
  it('takes away, and names what was not there', async () => {
    const { w, setVariables } = await scene({
      environment: { LOG_LEVEL: clear('x'), B: clear('y') },
      variables: ['LOG_LEVEL'],
    })
    expect(await w.run('env', 'unset', 'web', 'LOG_LEVEL', 'B', 'LOGLEVEL')).toBe(0)
    expect(setVariables.mock.calls[0]?.[1]).toEqual({ LOG_LEVEL: null, B: null, LOGLEVEL: null })
    expect(w.stdout.lines).toEqual(['✔ res_web: B, LOG_LEVEL'])
    expect(w.stderr.lines).toEqual([
      'LOGLEVEL is not set: did you mean LOG_LEVEL?',
      expect.stringMatching(/B came with the definition.*brings it back/),
    ])
  })
})
