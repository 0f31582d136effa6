import { sampleRelease } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { behindSocket, ids, planOf } from '../test/behind.js'
import { haveEngine, nodeImage, withoutEngine } from '../test/engine.js'
import { label } from './names.js'

/** A target that tells what it asks, and a release of an image that is live. */
async function scene() {
  const { engine, names, listen, target: targetOf } = await behindSocket()
  const asked: string[] = []
  const before = { ask: async (_: string): Promise<{ status: number; message: string } | undefined> => undefined }
  await listen(async ({ method, url }) => {
    const one = `${method} ${decodeURIComponent(url)}`
    asked.push(one)
    return await before.ask(one)
  })
  const target = targetOf({ pull: 'never' })
  const plan = planOf()
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
  return { target, engine, names, asked, before, coming, build, uploading, previous, artifact }
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
