import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { registry } from '../../target-docker/test/engine.js'
import { privateRegistry } from '../../target-docker/test/private-registry.js'
import { buildScene, docker, httpd, sampleApp } from '../test/builds.js'
import { type FarMachine, farMachine, haveMachines, withoutMachines } from '../test/engines.js'
import { failure } from '../test/helpers.js'
import type { SshOptions } from './index.js'

const mega = 1_000_000
const login = { username: 'robot', password: 'correct-horse-battery' }

describe.skipIf(!haveMachines)(`builds for a machine, made here ${haveMachines ? '' : withoutMachines}`, () => {
  let machine: FarMachine
  beforeAll(async () => {
    machine = await farMachine()
  }, 60_000)
  afterAll(() => machine?.close(), 60_000)

  const scene = async (options: Partial<SshOptions> = { build: 'local' }) => {
    const made = await buildScene(machine, options)
    onTestFinished(made.close)
    return made
  }
  const words = ({ logs }: { logs: { text: string }[] }) => logs.map(({ text }) => text).join('\n')

  it('sends all layers once, then those that changed, then nothing', { timeout: 120_000 }, async () => {
    const { wire, far, names, target, scope, ...act } = await scene()
    const measured = async <T>(work: Promise<T>) => {
      const before = wire.bytes()
      return { result: await work, bytes: wire.bytes() - before }
    }
    const stays = randomBytes(4 * mega)
    const first = await act.build(sampleApp('one', stays))
    expect(first.cached).toBe(false)
    expect(names().far).toEqual([])
    const whole = await measured(act.upload(first))
    expect(await act.answer(first)).toBe('one')

    const second = await act.build(sampleApp('two', stays))
    const changed = await measured(act.upload(second))
    expect(words(second)).toContain('1 of 3 layers')
    expect(await act.answer(second)).toBe('two')
    console.log(`all layers: ${whole.bytes} bytes on the wire; one changed: ${changed.bytes}`)
    expect(whole.bytes).toBeGreaterThan(4 * mega)
    expect(changed.bytes).toBeLessThan(0.1 * mega)

    // As a build there would have named it; and whoever comes from elsewhere builds and sends nothing.
    const { image, name } = second.release.artifact
    expect(far('image', 'inspect', '--format', '{{.Id}}', String(name)).trim()).toBe(image)
    const found = ['image', 'ls', '--quiet', '--no-trunc', '--filter', `label=appaloft.scope=${scope}`]
    expect(
      far(...found)
        .trim()
        .split('\n'),
    ).toContain(image)
    const other = await act.again({ build: { host: 'unix:///no/such.sock' } })
    const third = await act.build(sampleApp('two', stays), {}, other)
    expect(third).toMatchObject({ cached: true, release: { artifact: { image, name } } })
    const nothing = await measured(act.upload(third, {}, other))
    expect(words(third)).toBe('')
    expect(nothing.bytes).toBeLessThan(0.05 * mega)

    // Retention, on both sides; what is not ours has no name of ours.
    await target.remove(first.input, 1)
    expect(names()).toMatchObject({ far: { length: 2 }, here: { length: 2 } })
    await target.discard(first.release, 1, { retained: [second.release] })
    expect(names().far).toEqual([name])
    expect(names().here).toEqual([
      expect.stringMatching(`^appaloft/${scope}/[0-9a-f]{8}:${String(name).split(':')[1]}$`),
    ])
  })

  it('a connection that is cut, and an abort, leave nothing there; the next try sends again', {
    timeout: 120_000,
  }, async () => {
    const { wire, names, far, settled, ...act } = await scene()
    // Nothing of it is there yet.
    const made = await act.build({
      ...sampleApp('cut'),
      files: {
        ...sampleApp('cut').files,
        Dockerfile: 'FROM scratch\nCOPY stays /stays\n',
        stays: randomBytes(12 * mega),
      },
    })
    wire.cutAfter(4 * mega)
    const cut = await act.upload(made).catch((error: unknown) => error)
    expect(words(made)).toMatch(/Sending .*: failed/)
    // Told as failed, or made again over the next connection.
    if (cut instanceof Error) {
      const message = expect.stringContaining('Nothing of it is there')
      expect(cut).toMatchObject({ code: 'runtime-backend-unavailable', retriable: true, message })
      expect(names().far).toEqual([])
    } else {
      expect(names().far).toEqual([made.release.artifact.name])
      far('rmi', String(made.release.artifact.name))
    }
    await settled()
    const aborting = new AbortController()
    const log = ({ progress }: { progress?: { status: string } }) =>
      progress?.status === 'running' && aborting.abort(new Error('enough'))
    expect(await failure(act.upload(made, { signal: aborting.signal, log }))).toHaveProperty('message', 'enough')
    expect(names().far).toEqual([])
    await act.upload(made)
    expect(names().far).toEqual([made.release.artifact.name])
    expect(words(made)).toMatch(/Sending .*: 50 %/)
  })

  const pushedTo = async (registry: string, login: { username: string; password: string } | null) => {
    const asked: string[] = []
    const credentials = {
      registry: (host: string) => {
        asked.push(host)
        return login
      },
    }
    return { ...(await scene({ build: { registry: `${registry}/team/releases` }, credentials })), asked, registry }
  }

  it.skipIf(registry === undefined)(
    'goes through a registry, which only those may use who know the password',
    { timeout: 120_000 },
    async () => {
      const door = await privateRegistry(registry!, login)
      onTestFinished(() => door.close())
      const { far, names, target, ...act } = await pushedTo(door.host, login)
      const first = await act.upload(await act.build(sampleApp('pushed')))
      expect(act.asked).toContain(door.host)
      expect(words(first)).toMatch(/Pushed .*team\/releases@sha256:/)
      expect(words(first)).toMatch(/Pulled .*team\/releases@sha256:/)
      expect(words(first)).not.toContain(login.password)
      expect(await act.answer(first)).toBe('pushed')
      // Under our name alone, on both sides.
      const format = ['--format', '{{json .RepoTags}} {{json .RepoDigests}}']
      const name = String(first.release.artifact.name)
      expect(far('image', 'inspect', ...format, name).trim()).toBe(`${JSON.stringify([name])} []`)
      expect(docker('image', 'ls', '--format', '{{.Repository}}')).not.toContain(door.host)
      const second = await act.build(sampleApp('pushed'))
      expect(second.cached).toBe(true)
      expect(words(await act.upload(second))).toBe('')
      const { checks } = await target.probe()
      expect(checks.filter(({ id }) => /builder|registry/.test(id)).map(({ id, status }) => [id, status])).toEqual([
        ['builder', 'passed'],
        ['builder-disk', expect.any(String)],
        ['registry-push', 'passed'],
        ['registry-pull', 'passed'],
      ])
      await target.remove(first.input, 1)
      await target.discard(first.release, 1, { retained: [] })
      expect(names()).toEqual({ far: [], here: [] })
    },
  )

  it.skipIf(registry === undefined)(
    'tells a registry that lets nobody in, and one that nobody reaches',
    { timeout: 120_000 },
    async () => {
      const door = await privateRegistry(registry!, login)
      onTestFinished(() => door.close())
      const refused = await pushedTo(door.host, { username: 'robot', password: 'wrong-horse' })
      const error = await failure(refused.upload(await refused.build(sampleApp('refused'))))
      expect(error).toMatchObject({
        code: 'registry-auth-failed',
        recoveryHint: expect.stringContaining('build.registry'),
      })
      expect(JSON.stringify(error)).not.toContain('wrong-horse')
      expect(refused.names().far).toEqual([])
      const { ok, checks } = await refused.target.probe()
      expect(ok).toBe(false)
      const told = { status: 'failed', fix: expect.stringContaining('credentials.registry') }
      for (const id of ['registry-push', 'registry-pull'])
        expect(checks.find((one) => one.id === id)).toMatchObject(told)
      const nowhere = await pushedTo('127.0.0.1:1', null)
      expect(await failure(nowhere.upload(await nowhere.build(sampleApp('refused'))))).toMatchObject({
        code: 'registry-unreachable',
        retriable: true,
        recoveryHint: expect.stringContaining('build.registry'),
      })
    },
  )

  it('an image that is pulled here, and a Compose project with files of its own', { timeout: 120_000 }, async () => {
    const { far, names, target, ...act } = await scene()
    const image = await act.upload(await act.build({ artifact: { kind: 'image', image: 'busybox:stable' }, files: {} }))
    expect(names().far).toEqual([image.release.artifact.name])
    await target.discard(image.release, 1, { retained: [] })
    expect(names()).toEqual({ far: [], here: [] })
    expect(docker('image', 'inspect', '--format', '{{.Id}}', 'busybox:stable').trim()).toBe(
      image.release.artifact.image,
    )

    const artifact = {
      kind: 'compose-project' as const,
      composeFiles: ['compose.yaml'],
      services: ['web', 'data'],
      targetServiceName: 'web',
    }
    const compose = `
services:
  web: { image: 'busybox:stable', init: true, command: ${JSON.stringify(httpd)}, volumes: ['./site:/srv:ro'] }
  data: { build: ./data, command: [sleep, '600'] }
`
    const project = (text: string) => ({
      artifact,
      files: {
        'compose.yaml': compose,
        'site/index.html': text,
        'data/Dockerfile': 'FROM busybox:stable\nRUN echo built > /built\n',
      },
    })
    const first = await act.upload(await act.build(project('one')))
    expect(await act.answer(first)).toBe('one')
    expect(names()).toMatchObject({ far: { length: 2 }, here: { length: 3 } })
    // The service that stays has the same image; of the other the file alone is sent.
    const second = await act.upload(await act.build(project('two')))
    const sent = words(second)
      .split('\n')
      .filter((line) => /^Sending .* layers$/.test(line))
    expect(sent).toEqual([expect.stringContaining('1 of 2 layers')])
    const third = await act.build(project('two'))
    expect(third.cached).toBe(true)
    expect(words(await act.upload(third))).not.toContain('Sending')
    for (const one of [first, second]) {
      await target.remove(one.input, 1)
      await target.discard(one.release, 1, { retained: [] })
    }
    expect(names()).toEqual({ far: [], here: [] })
  })
})
