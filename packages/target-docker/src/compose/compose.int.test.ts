import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  answer,
  askFrom,
  begin,
  build,
  clear,
  containers,
  fails,
  here,
  lines,
  type Project,
  printed,
  resourceId,
  run,
  runningOf,
  service,
  setUp,
  sleeper,
  start,
  tearDown,
} from '../../test/compose.js'
import { cli, haveEngine, nodeImage, withoutEngine } from '../../test/engine.js'

describe.skipIf(!haveEngine)(`Compose projects ${haveEngine ? '' : withoutEngine}`, () => {
  beforeAll(setUp)
  afterAll(tearDown)
  afterEach(clear)

  it('a candidate has no name until it is promoted; then the former one is found by nobody, and its connections stay', async () => {
    begin()
    const project = (who: string): Project => ({
      compose: `
services:
  web: ${service(`environment: { WHO: ${who} }, container_name: fixed, ports: ['1234:80'], networks: { front: { aliases: [api] }, back: {} }`)}
  other: ${sleeper('networks: [front], links: ["web:linked"]')}
  inner: ${sleeper('networks: [back]')}
  apart: ${sleeper('networks: [settings]')}
networks:
  front: {}
  back: { internal: true }
  settings: {}
`,
    })
    const { input: first } = await start(1, project('one'))
    expect((await answer(first)).who).toBe('one')
    const names = ['web', 'fixed', 'api', 'linked']
    expect(askFrom('other', names)).not.toContain('one')
    await here.target.promoted?.(first, null)
    expect(askFrom('other', names)).toEqual(names.map(() => 'one'))
    const untouched = [runningOf('other'), runningOf('apart'), runningOf('inner')]
    const { input: second } = await start(2, project('two'))
    expect((await answer(second)).who).toBe('two')
    expect(askFrom('other', names)).toEqual(names.map(() => 'one'))
    const [other = ''] = runningOf('other')
    const slow = "fetch('http://web/slow').then((a) => a.json()).then((a) => console.log(a.who))"
    const asking = promisify(execFile)(cli, ['exec', other, 'node', '-e', slow])
    await vi.waitFor(async () => expect(await printed(first)).toContain('asked'), { timeout: 20_000, interval: 100 })
    await here.target.promoted?.(second, first)
    // What it was being asked by its name has ended: it may be stopped.
    expect(await printed(first)).toContain('answered')
    expect((await asking).stdout).toBe('one\n')
    expect(askFrom('other', names)).toEqual(names.map(() => 'two'))
    expect((await answer(first)).who).toBe('one')
    await here.target.remove(first, 1)
    expect(askFrom('other', names)).toEqual(names.map(() => 'two'))
    expect([runningOf('other'), runningOf('apart'), runningOf('inner')]).toEqual(untouched)
    // In an internal network too, which stays one.
    expect(askFrom('inner', ['web'])).toEqual(['two'])
    const format = '{{range .NetworkSettings.Networks}}{{.NetworkID}} {{end}}'
    const joined = run('inspect', '--format', format, runningOf('inner')[0] ?? '')
      .trim()
      .split(' ')
    expect(joined.map((id) => run('network', 'inspect', '--format', '{{.Internal}}', id).trim())).toEqual([
      'true',
      'true',
    ])
    // Who has no network with it does not find it.
    expect(askFrom('apart', ['web'])).not.toEqual(['two'])
  }, 120_000)

  it('what the files say reaches the containers', async () => {
    begin()
    const { input } = await start(1, {
      compose: `
services:
  web: ${service(`
    environment: { WHO: w, FROM_FILE: "\${DOTENV}-$$5", PASS: "x\${TOKEN}y", GREETING: file, READ: "/run/secrets/token,/etc/settings,/data/kept,/mounted/a" },
    env_file: [more.env], user: '1000', working_dir: /tmp, secrets: [token], configs: [{ source: settings, target: /etc/settings }],
    extra_hosts: ["machine:10.1.2.3"], tmpfs: [/scratch], ulimits: { nofile: 4321 }, shm_size: 32m, mem_limit: 200m, cpus: 0.5, cap_drop: [ALL],
    read_only: false, stop_grace_period: 3s, labels: { who: me }, sysctls: { net.core.somaxconn: '77' }`).replace(
    'volumes: [',
    'volumes: [./mounted:/mounted, data:/data, ',
  )}
volumes:
  data: {}
secrets:
  token: { environment: TOKEN }
configs:
  settings: { content: "with \${TOKEN}" }
`,
      files: { '.env': 'DOTENV=dot\n', 'more.env': 'MORE=more\n', 'mounted/a': 'file of the source' },
      environment: { TOKEN: 's3cret', GREETING: 'profile' },
      secretNames: ['TOKEN'],
    })
    expect(JSON.stringify(input.release)).not.toContain('s3cret')
    const { env, files, uid, cwd } = await answer(input)
    expect(env).toMatchObject({
      FROM_FILE: 'dot-$5',
      PASS: 'xs3crety',
      GREETING: 'profile',
      MORE: 'more',
      TOKEN: 's3cret',
    })
    expect(files).toEqual(['s3cret', 'with s3cret', 'ENOENT', 'file of the source'])
    expect([uid, cwd]).toEqual([1000, '/tmp'])
    const { id = '' } = (await here.target.inspect(input)).instances[0] ?? {}
    const [told] = JSON.parse(run('inspect', id)) as [
      { HostConfig: Record<string, unknown>; Config: Record<string, unknown> },
    ]
    expect(told.HostConfig).toMatchObject({
      ...{ ExtraHosts: ['machine:10.1.2.3'], Tmpfs: { '/scratch': '' }, ShmSize: 32 * 2 ** 20, Memory: 200 * 2 ** 20 },
      ...{ NanoCpus: 5e8, CapDrop: ['ALL'], Sysctls: { 'net.core.somaxconn': '77' } },
      Ulimits: [{ Name: 'nofile', Soft: 4321, Hard: 4321 }],
    })
    expect(told.Config).toMatchObject({ StopTimeout: 3, Labels: { who: 'me', 'com.docker.compose.service': 'web' } })
  }, 60_000)

  it.each([
    [
      'ends',
      `{ image: ${nodeImage}, command: [node, -e, "console.log('no table'); process.exit(4)"] }`,
      'service_completed_successfully',
      'compose-service-failed',
      4,
    ],
    [
      'is not healthy',
      sleeper(
        'healthcheck: { test: [CMD, node, -e, \'console.log("not yet"); process.exit(1)\'], interval: 100ms, retries: 2 }',
      ),
      'service_healthy',
      'compose-service-unhealthy',
      undefined,
    ],
    [
      'does not start',
      `{ image: ${nodeImage}, command: [no-such-program] }`,
      'service_started',
      'compose-service-failed',
      undefined,
    ],
  ] as const)(
    'a service that %s fails the start, and nothing of it stays',
    async (_, other, condition, code, exitCode) => {
      begin()
      const { input } = await build(1, {
        compose: `services:\n  web: ${service(`depends_on: { job: { condition: ${condition} } }`)}\n  job: ${other}\n`,
      })
      const error = await fails(here.target.start(input), code)
      expect(error.message).toContain('job')
      expect(error.details.service).toBe('job')
      expect(error.details.exitCode).toBe(exitCode)
      if (exitCode !== undefined) expect(error.details.lastLogs).toEqual(['no table'])
      if (code === 'compose-service-unhealthy') expect(error.message).toContain('not yet')
      await here.target.restore?.(input, null, 1)
      expect(lines('ps', '--all', '--quiet', '--filter', `label=appaloft.resource=${resourceId}`)).toEqual([])
      expect(lines('network', 'ls', '--quiet', '--filter', `label=appaloft.resource=${resourceId}`)).toEqual([])
    },
    60_000,
  )

  it('a changed service is replaced in place, a failed deployment brings back what it was, and its volumes stay', async () => {
    begin()
    const project = (text: string, secret: string): Project => ({
      compose: `
services:
  web: ${service('depends_on: [store]')}
  store: ${sleeper(`environment: { TEXT: ${text}, SECRET: "\${TOKEN}" }, volumes: ["./kept:/kept", "data:/data"]`)}
volumes:
  data: {}
`,
      environment: { TOKEN: secret },
      secretNames: ['TOKEN'],
    })
    const { input: first, logged } = await start(1, project('a', 'x'))
    expect(logged.join('\n')).toContain('store: kept is a volume at /kept, and kept')
    await here.target.promoted?.(first, null)
    const former = runningOf('store')
    run('exec', former[0]!, 'sh', '-c', 'echo kept > /kept/file; echo data > /data/file')

    const { input: second } = await start(2, project('a', 'another'))
    const changed = runningOf('store')
    expect(changed).not.toEqual(former)
    expect(run('exec', changed[0]!, 'sh', '-c', 'cat /kept/file /data/file; echo $SECRET')).toBe(
      'kept\ndata\nanother\n',
    )
    await here.target.restore?.(second, { ref: first, release: first.release }, 1)
    await here.target.remove(second, 1)
    expect([runningOf('store'), containers('store')]).toEqual([former, former])
    expect(run('exec', former[0]!, 'sh', '-c', 'cat /kept/file; echo $SECRET')).toBe('kept\nx\n')

    const { input: third } = await start(3, project('b', 'x'))
    await here.target.promoted?.(third, first)
    await here.target.remove(first, 1)
    expect(containers('store')).toHaveLength(1)
    expect(runningOf('store')).not.toEqual(former)
    await here.target.discard(first.release, 1, { retained: [third.release] })
    expect(runningOf('store')).toHaveLength(1)
    // It comes back with the release where somebody stopped both.
    await here.target.stop(third, 1)
    run('stop', runningOf('store')[0]!)
    await here.target.restart(third, 1)
    expect(runningOf('store')).toHaveLength(1)
  }, 120_000)

  it.each([
    ['gpus: all', 'services.web.gpus'],
    ['volumes_from: [other]', 'services.web.volumes_from'],
    ['network_mode: host', 'services.web.network_mode'],
    ['volumes: ["../beside:/x"]', 'services.web.volumes'],
  ])('%s is refused by name', async (key, place) => {
    begin()
    const error = await fails(
      build(1, { compose: `services:\n  web: { image: ${nodeImage}, ${key} }\n  other: ${sleeper()}\n` }),
      'compose-invalid',
    )
    expect(error.message).toContain(place)
  })

  it('secrets that would be seen are refused, with the setting to change', async () => {
    begin()
    const arg = await fails(
      build(1, {
        compose: `services:\n  web: { build: { context: ., args: { A: "\${TOKEN}" } } }\n`,
        files: { Dockerfile: `FROM ${nodeImage}` },
        environment: { TOKEN: 's3cret' },
        secretNames: ['TOKEN'],
      }),
      'secret-in-build-scope',
    )
    expect(arg.recoveryHint).toContain('services.web.build.secrets')
    const file = await fails(
      build(3, {
        compose: `services:\n  web: ${service('secrets: [token]')}\nsecrets:\n  token: { file: ./token.txt }\n`,
        files: { 'token.txt': 's3cret' },
      }),
      'secret-in-build-scope',
    )
    expect(file.recoveryHint).toContain('secrets.token.environment')
    const { input } = await build(2, {
      compose: `services:\n  web: ${service(`environment: { A: "\${TOKEN}" }`)}\n`,
      environment: { TOKEN: 's3cret' },
      secretNames: ['TOKEN'],
    })
    const error = await fails(here.target.start({ ...input, environment: {} }), 'secret-unavailable')
    expect(error.recoveryHint).toContain('environment.TOKEN.scope')
  })

  it('a fence that is raised before a service starts: nothing of the former holder runs', async () => {
    begin()
    const { input } = await build(1, { compose: `services:\n  web: ${service('')}\n  other: ${sleeper()}\n` })
    await here.target.fence(resourceId, 5, { expected: 0, owner: 'dep_b', signal: input.signal })
    await fails(here.target.start(input), 'fenced')
    expect(runningOf('other')).toEqual([])
    await here.target.start({ ...input, token: 5 })
    await here.target.fence(resourceId, 7, { expected: 5, owner: 'dep_c', signal: input.signal })
    await here.target.list(resourceId)
    expect(
      lines('ps', '--all', '--filter', `label=appaloft.resource=${resourceId}`, '--format', '{{.Names}}').every(
        (name) => name.endsWith('.t7'),
      ),
    ).toBe(true)
    const other = runningOf('other')
    await fails(here.target.promoted!({ ...input, token: 5 }, null), 'fenced')
    await fails(here.target.restore!(input, null, 5), 'fenced')
    expect(runningOf('other')).toEqual(other)
  }, 60_000)
})
