import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode } from '@appaloft/core/spec'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  answer,
  begin,
  build,
  clear,
  containers,
  here,
  lines,
  resourceId,
  run,
  runningOf,
  service,
  setUp,
  sleeper,
  start,
  tearDown,
} from '../../test/compose.js'
import { haveEngine, nodeImage, registry, withoutEngine } from '../../test/engine.js'

const everything = () => lines('ps', '--all', '--quiet', '--filter', `label=appaloft.resource=${resourceId}`)

describe.skipIf(!haveEngine)(`work in Compose projects ${haveEngine ? '' : withoutEngine}`, () => {
  beforeAll(setUp)
  afterAll(tearDown)
  afterEach(clear)

  it('the release command finds the services that the release needs, by their names', async () => {
    begin()
    const { input } = await build(1, {
      compose: `
services:
  web: ${service('environment: { WHO: web, OWN: of-the-file }, depends_on: [store]')}
  store: ${service('environment: { WHO: store }')}
  late: ${sleeper('depends_on: [web]')}
`,
    })
    const program = `
      const ask = (tries) => fetch('http://store').then((a) => a.json()).then((a) => console.log(a.who, process.env.OWN), (e) => tries > 0 ? setTimeout(ask, 100, tries - 1) : console.log(String(e.cause)))
      ask(50)`
    const result = await here.target.run(input, ['node', '-e', program])
    expect(result).toMatchObject({ exitCode: 0, lastLogs: ['store of-the-file'] })
    // What needs the release is not there before it.
    expect(containers('late')).toEqual([])
    const before = runningOf('store')
    await here.target.start(input)
    expect(runningOf('store')).toEqual(before)
    expect(runningOf('late')).toHaveLength(1)
  }, 60_000)

  it('what needs the release, and ended since its name was nobody’s, is started at the promotion and comes back', async () => {
    begin()
    const program = "fetch('http://web').then(() => setInterval(() => {}, 1000), () => process.exit(1))"
    const { input } = await start(1, {
      compose: `
services:
  web: ${service('environment: { WHO: web }')}
  worker: { image: ${nodeImage}, init: true, command: [node, -e, "${program}"], depends_on: [web] }
  other: ${sleeper("restart: 'no'")}
`,
    })
    await answer(input)
    await vi.waitFor(() => expect(runningOf('worker')).toEqual([]), { timeout: 20_000, interval: 200 })
    await here.target.promoted?.(input, null)
    await vi.waitFor(() => expect(runningOf('worker')).toHaveLength(1), { timeout: 20_000, interval: 200 })
    await sleep(500)
    const policies = ['worker', 'other'].map((name) =>
      run(
        'inspect',
        '--format',
        '{{.HostConfig.RestartPolicy.Name}} {{.State.Running}}',
        runningOf(name)[0] ?? '',
      ).trim(),
    )
    expect(policies).toEqual(['unless-stopped true', 'no true'])
  }, 60_000)

  it('a start that is aborted leaves nothing that runs to its end, and the rest can be taken back', async () => {
    begin()
    const { input } = await build(1, {
      compose: `
services:
  web: ${service('depends_on: { job: { condition: service_completed_successfully } }')}
  job: { image: ${nodeImage}, command: [node, -e, "console.log('working'); setInterval(() => {}, 1000)"], depends_on: [store] }
  store: ${sleeper()}
`,
    })
    const aborting = new AbortController()
    const reason = new Error('enough')
    const log = ({ text }: { text: string }) => text === 'job: working' && aborting.abort(reason)
    await expect(here.target.start({ ...input, signal: aborting.signal, log })).rejects.toBe(reason)
    expect(everything()).toEqual(containers('store').map((id) => id.slice(0, 12)))
    await here.target.restore?.(input, null, 1)
    expect(everything()).toEqual([])
  }, 60_000)

  it('replicas of both kinds, and a port of the machine', async () => {
    begin()
    const compose = `
services:
  web: ${service('deploy: { replicas: 2 }')}
  store: ${sleeper('scale: 2')}
`
    const { input } = await start(1, { compose })
    expect((await here.target.reach(input, 80)).probe).toHaveLength(2)
    expect(runningOf('store')).toHaveLength(2)
    await here.target.remove(input, 1)
    const { input: direct } = await start(2, {
      compose: `services:\n  web: ${service('')}\n`,
      plan: {
        network: {
          ...input.release.plan.network,
          ...{ exposure: 'direct-port', hostPort: 18_000 + Math.floor(Math.random() * 1_000) },
        },
        overlap: false,
      },
    })
    await answer(direct)
    expect((await here.target.reach(direct, 80)).probe).toMatchObject([{ port: direct.release.plan.network.hostPort }])
    // The project has no such service any more, once the release is promoted.
    await here.target.promoted?.(direct, null)
    expect(containers('store')).toEqual([])
  }, 60_000)

  it('images are built once, shared by their names, with secrets of the build, and discarded with the last release', async () => {
    begin()
    const project = (text: string) => ({
      compose: `
services:
  web:
    build: { context: app, dockerfile_inline: "FROM ${nodeImage}\\nCOPY say.mjs /say.mjs\\nRUN --mount=type=secret,id=npm test \\"$$(cat /run/secrets/npm)\\" = s3cret\\nCMD [\\"node\\", \\"/say.mjs\\"]\\n", secrets: [npm], args: { A: b } }
    image: shared-by-name
    environment: { WHO: ${text} }
    init: true
  worker: { image: shared-by-name, init: true, command: [sleep, '600'] }
secrets:
  npm: { environment: NPM_TOKEN }
`,
      files: {
        'app/say.mjs':
          "import { createServer } from 'node:http'\ncreateServer((_, a) => a.end(JSON.stringify({ who: process.env.WHO }))).listen(process.env.PORT)",
      },
      services: ['web', 'worker'],
    })
    const more = { environment: { NPM_TOKEN: 's3cret' }, secretNames: ['NPM_TOKEN'] }
    const first = await build(1, project('one'), more)
    expect(first.cached).toBe(false)
    const again = await build(2, project('two'), more)
    expect(again.cached).toBe(true)
    expect(again.input.release.artifact.image).toBe(first.input.release.artifact.image)
    await here.target.start(first.input)
    expect(await answer(first.input)).toEqual({ who: 'one' })
    const [worker = ''] = runningOf('worker')
    expect(run('inspect', '--format', '{{.Image}}', worker).trim()).toBe(first.input.release.artifact.image)
    const images = () => lines('images', '--quiet', '--filter', `reference=appaloft/${here.scope}:${resourceId}.*`)
    expect(images()).toHaveLength(1)
    await here.target.remove(first.input, 1)
    await here.target.discard(first.input.release, 1, { retained: [again.input.release] })
    expect(images()).toHaveLength(1)
    await here.target.discard(again.input.release, 1, { retained: [] })
    expect([images(), everything()]).toEqual([[], []])
  }, 60_000)

  it.skipIf(registry === undefined)(
    'a tag that moves gives the release another image, and leaves what stays in place alone (needs the tests’ own registry)',
    async () => {
      begin()
      const image = `${registry}/${here.scope}/moving:1`
      const push = (base: string) => {
        run('tag', base, image)
        run('push', '--quiet', image)
        run('rmi', image)
      }
      const compose = `
services:
  web: { image: "${image}", init: true, command: [sleep, '600'] }
  store: { image: "${image}", init: true, command: [sleep, '600'] }
`
      push('busybox:stable')
      const { input: first } = await start(1, { compose })
      const store = runningOf('store')
      push(nodeImage)
      const { input: second } = await start(2, { compose })
      const { artifact } = second.release
      expect(artifact.image).not.toBe(first.release.artifact.image)
      expect(artifact.digest).toMatch(/@sha256:/)
      expect(runningOf('store')).toEqual(store)
      const { input: forced } = await build(3, { compose }, { noCache: true })
      await here.target.start(forced)
      expect(runningOf('store')).not.toEqual(store)
    },
    60_000,
  )

  it('a plan that needs a network that the engine lacks says so', async () => {
    begin()
    const { input } = await build(1, {
      compose: `services:\n  web: ${service('networks: [data]')}\nnetworks:\n  data: { external: true, name: nobodys }\n`,
    })
    const error = await here.target.start(input).catch((reason: unknown) => reason)
    expect(hasCode(error, 'start-failed') && error.recoveryHint).toContain('docker network create nobodys')
  })
})
