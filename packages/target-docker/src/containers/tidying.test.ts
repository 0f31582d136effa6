import { samplePlan, sampleRelease } from '@appaloft/testkit'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Engine } from '../api/engine.js'
import type { Image } from '../api/schemas.js'
import { Beside } from '../beside.js'
import { Names } from '../names.js'
import { targetRecords } from '../records.js'
import { settingsOf } from '../settings.js'
import { make } from './make.js'

// AbortSignal.timeout knows no other clock.
beforeEach(() => {
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => AbortSignal.abort(new Error('long enough')))
})
afterEach(() => {
  vi.restoreAllMocks()
})

const names = new Names('main')
/** Stands still as soon as something was made: whoever asks is answered when he gives up. */
const still = (_: unknown, { signal }: { signal?: AbortSignal } = {}) =>
  new Promise<never>((_resolve, reject) => {
    if (signal?.aborted === true) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason))
  })
const standing = { remove: still, removeVolume: still, volumes: still, containers: still, container: still }

it('a record that is given up while the engine stands still is not waited for', async () => {
  const createVolume = async (body: object) => body
  const engine = { ...standing, createVolume } as unknown as Engine
  const records = targetRecords(async (_, act) => act(engine), names, new Beside())
  const aborting = new AbortController()
  const put = records.put('res_web', 'dep_1', 'text', 1, { signal: aborting.signal })
  aborting.abort(new Error('enough'))
  await expect(put).rejects.toThrow('enough')
}, 4_000)

it('a container that is given up while the engine stands still is not waited for', async () => {
  const ordered = { ...standing, create: async () => 'id' } as unknown as Engine
  const inOrder = (act: (engine: Engine) => Promise<unknown>) => act(ordered)
  const engine = { ...standing, inOrder } as unknown as Engine
  const aborting = new AbortController()
  const plan = samplePlan({ artifact: { kind: 'image', image: 'one' } })
  const ref = { resourceId: 'res_web', deploymentId: 'dep_1', releaseId: 'rel_1' }
  const common = { ...ref, token: 1, signal: aborting.signal, log: () => undefined, environment: {}, secretNames: [] }
  const input = { ...common, release: sampleRelease({ id: ref.releaseId, plan, artifact: { image: 'one' } }) }
  const image = { Id: 'one', Config: { User: '', Env: [], Entrypoint: [], Cmd: ['sleep'] } } as unknown as Image
  const what = { image, command: null, role: 'instance' as const, index: 0, published: new Map(), shaped: undefined }
  const made = make({ engine, names, settings: settingsOf({}) }, input, what)
  aborting.abort(new Error('enough'))
  await expect(made).rejects.toThrow('enough')
}, 4_000)
