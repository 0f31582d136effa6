import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { haveEngine, machine, nodeImage, testEngine, testOptions, withoutEngine } from '../test/engine.js'
import { relay } from '../test/relay.js'
import { docker } from './index.js'
import { label, Names } from './names.js'

const ids = (number: number) => ({
  resourceId: 'res_web',
  deploymentId: sampleId('dep', number),
  releaseId: sampleId('rel', number),
})

/** A target that tells what it asks, and a release of an image that is live. */
async function scene() {
  const here = await machine()
  onTestFinished(() => here.close())
  const engine = await testEngine()
  onTestFinished(() => engine.client.close())
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-looks-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  if (engine.address.kind !== 'unix') throw new Error('needs an engine on a socket')
  const asked: string[] = []
  const before = { ask: async (_: string): Promise<{ status: number; message: string } | undefined> => undefined }
  const socket = join(folder, 'engine.sock')
  const server = await relay(socket, engine.address.path, async ({ method, url }) => {
    const one = `${method} ${decodeURIComponent(url)}`
    asked.push(one)
    return await before.ask(one)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const target = docker({ ...testOptions(here.scope), pull: 'never', host: `unix://${socket}` })
  onTestFinished(() => target.close?.())
  const start = { command: ['sleep', '600'], from: 'profile' as const }
  const plan = { ...samplePlan({ artifact: { kind: 'image', image: nodeImage } }), commands: { start } }
  const coming = (number: number) => ({
    ...ids(number),
    signal: new AbortController().signal,
    plan,
    environment: {},
    secretNames: [],
    inputsDigest: 'same',
    noCache: false,
  })
  const build = (number: number, token: number) =>
    target.build({ ...coming(number), token, sourceDirectory: null, log: () => undefined })
  const uploading = (number: number, token: number, artifact: Awaited<ReturnType<typeof build>>['artifact']) => {
    const { signal, secretNames, environment } = coming(number)
    const release = sampleRelease({ id: ids(number).releaseId, plan, artifact })
    return { ...ids(number), token, signal, log: () => undefined, release, environment, secretNames }
  }
  const { artifact } = await build(1, 1)
  const previous = sampleRelease({ id: ids(1).releaseId, plan, artifact })
  return { target, engine, names: new Names(here.scope), asked, before, coming, build, uploading, previous, artifact }
}

describe.skipIf(!haveEngine)(`what comes next ${haveEngine ? '' : withoutEngine}`, () => {
  it('is asked behind the claim: build and upload ask nothing, and the release starts', async () => {
    const { target, asked, coming, build, uploading, previous, artifact } = await scene()
    target.prepare?.(coming(2), previous)
    asked.length = 0
    await target.fence('res_web', 2, { expected: 0, owner: 'dep_b' })
    const built = await build(2, 2)
    expect(built).toEqual({ artifact, cached: true })
    const input = uploading(2, 2, built.artifact)
    await target.upload(input)
    const [first, ...others] = asked.filter((one) => !one.startsWith('POST /containers/'))
    expect(first).toBe('POST /volumes/create')
    const image = `GET /images/docker.io/library/${nodeImage}/json`
    expect(others.map((one) => one.replace(/\?.*/, ''))).toEqual([
      ...['GET /volumes', 'GET /containers/json', image, `GET /images/${artifact.image}/json`, 'GET /containers/json'],
    ])
    asked.length = 0
    await target.start(input)
    expect(asked.map((one) => one.replace(/\?.*/, '')).slice(0, 2)).toEqual(['POST /containers/create', 'GET /volumes'])
    expect((await target.inspect(ids(2))).state).toBe('running')
    // Of another attempt, and where it is asked again, nothing is known.
    asked.length = 0
    await build(2, 2)
    await expect(build(3, 1)).rejects.toMatchObject({ code: 'fenced' })
    expect(asked.filter((one) => one.startsWith('GET /volumes'))).toHaveLength(2)
  })

  it('is asked for again where the answer was an error; what may not be changed below the mark is compared before', async () => {
    const { target, engine, names, asked, before, coming, build, previous, artifact } = await scene()
    const failing = async (one: string) => (/^GET \/images/.test(one) ? { status: 500, message: 'not now' } : undefined)
    before.ask = failing
    target.prepare?.(coming(2), previous)
    await target.fence('res_web', 2, { expected: 0, owner: 'dep_b' })
    await expect(build(2, 2)).rejects.toThrow('not now')
    before.ask = async () => undefined
    expect(await build(2, 2)).toEqual({ artifact, cached: true })
    // A newer holder came after the answers, and its name is gone: it is not given again.
    target.prepare?.(coming(3), previous)
    await engine.untag(String(artifact.name))
    await target.fence('res_web', 3, { expected: 2, owner: 'dep_c' })
    await engine.createVolume({
      Name: names.fence('res_web', 3),
      Labels: names.labels(ids(4), 'fence', { [label.token]: '4', [label.owner]: 'dep_d' }),
    })
    asked.length = 0
    await expect(build(3, 3)).rejects.toMatchObject({ code: 'fenced' })
    expect(asked.filter((one) => one.includes('/tag'))).toEqual([])
  })
})
