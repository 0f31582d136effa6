import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Scene } from '../../test/engine.js'
import type { ResourceDefinition, VariableChanges } from '../spec/index.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

const withVariables = (environment: NonNullable<ResourceDefinition['environment']>) =>
  scene.definition('serve', { environment })

describe('variables that are set by themselves', () => {
  it('reach the next deployment and leave the rest of the definition alone', async () => {
    const engine = scene.engine()
    const first = await scene.deployed(engine, 'serve', { environment: { A: { value: 'file' } } })
    const before = await engine.resources.get('res_shop')
    const set = await engine.resources.setVariables('res_shop', { B: { value: 'set', scope: 'both' } })
    expect(set.stateVersion).toBe(Number(before?.stateVersion) + 1)
    expect(set.definition).toEqual({
      ...before?.definition,
      environment: { A: { value: 'file', scope: 'runtime' }, B: { value: 'set', scope: 'both' } },
    })
    expect(set.live).toEqual(before?.live)
    const again = await (await engine.resources.redeploy('res_shop')).done
    expect(again.status).toBe('succeeded')
    expect(again.planFingerprint).not.toBe(first.planFingerprint)
    expect((await scene.store.getDeployment(again.id))?.plan?.environment).toEqual(set.definition.environment)
  })

  it('outlast a definition that does not name them, and no other', async () => {
    const engine = scene.engine()
    await engine.resources.define(withVariables({ A: { value: 'file' }, OLD: { value: 'file' } }))
    await engine.resources.setVariables('res_shop', { A: { value: 'set' }, B: { value: 'set' } })
    const values = async (definition: ResourceDefinition) => (await engine.resources.define(definition)).definition
    expect((await values(withVariables({ A: { value: 'newer' } }))).environment).toEqual({
      A: { value: 'newer', scope: 'runtime' },
      B: { value: 'set', scope: 'runtime' },
    })
    // What the definition named once is its own from then on.
    expect((await values(scene.definition())).environment).toEqual({ B: { value: 'set', scope: 'runtime' } })
    await engine.resources.setVariables('res_shop', { B: null })
    expect(await values(scene.definition())).not.toHaveProperty('environment')
  })

  it('are in the preview of a definition that does not name them', async () => {
    const engine = scene.engine()
    await scene.deployed(engine)
    await engine.resources.setVariables('res_shop', { B: { value: 'set' } })
    const request = { resource: scene.definition() }
    const { fingerprint } = await engine.deployments.plan(request)
    const attempt = await engine.deployments.create({ ...request, fingerprint })
    const { id } = await attempt.done
    const record = await scene.store.getDeployment(id)
    expect([record?.status, record?.plan?.environment]).toEqual([
      'succeeded',
      { B: { value: 'set', scope: 'runtime' } },
    ])
  })

  it('change nothing where they are equal', async () => {
    const engine = scene.engine()
    await engine.resources.define(scene.definition())
    const changes: VariableChanges = { A: { value: 'one' }, TOKEN: { value: 'hush-hush', secret: true }, GONE: null }
    const first = await engine.resources.setVariables('res_shop', changes)
    expect(await engine.resources.setVariables('res_shop', changes)).toEqual(first)
    expect(await engine.resources.define(scene.definition())).toEqual(first)
    expect(await engine.resources.setVariables('res_shop', {})).toEqual(first)
  })

  it('seal a secret once for each value, and keep it a secret where nothing else is said', async () => {
    const engine = scene.engine()
    await engine.resources.define(scene.definition())
    const set = async (value: string, rest: object = {}) => {
      const { definition } = await engine.resources.setVariables('res_shop', { TOKEN: { value, ...rest } })
      return definition.environment?.TOKEN
    }
    expect(await set('value-one', { secret: true, scope: 'both' })).toMatchObject({ version: 1, scope: 'both' })
    expect(await set('value-two')).toMatchObject({ secret: true, version: 2, scope: 'both' })
    expect(await set('value-one')).toMatchObject({ secret: true, version: 1 })
    expect((await scene.store.listSealed('res_shop')).map((one) => one.version)).toEqual([1, 2])
    const stored = JSON.stringify([await scene.store.listResources(), await scene.store.listSealed('res_shop')])
    expect(stored).not.toMatch(/value-(one|two)/)
    expect(await set('clear', { secret: false })).toEqual({ value: 'clear', scope: 'both' })
  })

  it('are refused with the state they were decided on out of date, without a resource, and with wrong names', async () => {
    const engine = scene.engine()
    const { stateVersion } = await engine.resources.define(scene.definition())
    const set = (changes: VariableChanges, options?: { stateVersion: number }) =>
      engine.resources.setVariables('res_shop', changes, options)
    await set({ A: { value: 'one' } }, { stateVersion })
    await expect(set({ A: { value: 'two' } }, { stateVersion })).rejects.toMatchObject({ code: 'recovery-state-stale' })
    await expect(set({ 'A-B': { value: 'x' } })).rejects.toMatchObject({ code: 'invalid-input' })
    await expect(set({ A: { value: 'nul\0' } })).rejects.toThrow(/A\.value: must not contain a NUL/)
    await expect(engine.resources.setVariables('res_none', {})).rejects.toMatchObject({ code: 'resource-not-found' })
  })

  it('are all there after two engines set some at once', async () => {
    const engines = [scene.engine(), scene.engine()]
    await engines[0]?.resources.define(scene.definition())
    const names = Array.from({ length: 12 }, (_, index) => `V${index}`)
    await Promise.all(
      names.map((name, index) =>
        engines[index % 2]?.resources.setVariables('res_shop', {
          [name]: { value: 'x' },
          TOKEN: { value: name, secret: true },
        }),
      ),
    )
    const { definition, variables } = (await scene.store.getResource('res_shop')) ?? {}
    expect(Object.keys(definition?.environment ?? {}).sort()).toEqual(['TOKEN', ...names].sort())
    expect([...(variables ?? [])].sort()).toEqual(['TOKEN', ...names].sort())
    expect(await scene.store.listSealed('res_shop', 'TOKEN')).toHaveLength(12)
  })
})
