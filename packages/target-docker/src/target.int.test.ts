import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type BuildInput, hasCode, type LogLine, type Plan, type ReleaseInput, type Target } from '@appaloft/core/spec'
import { fakeProxy, nodeSamples, type SampleApp, sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { cli, haveEngine, type Machine, machine, nodeImage, withoutEngine } from '../test/engine.js'
import { relay } from '../test/relay.js'
import { docker } from './index.js'

let folder = ''
let here: Machine
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-target-'))
  here = await machine({ proxy: fakeProxy() })
})
afterEach(async () => {
  await here.close()
  rmSync(folder, { recursive: true, force: true })
})

const run = (...args: string[]) => execFileSync(cli, args, { encoding: 'utf8', maxBuffer: 512 * 1024 * 1024 })
const ref = (number: number) => ({
  resourceId: 'res_web',
  deploymentId: sampleId('dep', number),
  releaseId: sampleId('rel', number),
})
const common = (number: number) => ({
  ...ref(number),
  token: 1,
  signal: new AbortController().signal,
  log: (_line: LogLine) => undefined,
  environment: {} as Record<string, string>,
  secretNames: [] as string[],
})

async function build(
  app: Pick<SampleApp, 'artifact' | 'files'>,
  change: Partial<Plan> = {},
  more: Partial<BuildInput> = {},
  target = here.target,
) {
  const source = mkdtempSync(join(folder, 'source-'))
  for (const [name, content] of Object.entries(app.files)) {
    mkdirSync(join(source, name, '..'), { recursive: true })
    writeFileSync(join(source, name), content)
  }
  const plan = samplePlan({ artifact: app.artifact, ...change })
  const input = {
    ...common(1),
    plan,
    sourceDirectory: source,
    inputsDigest: JSON.stringify([app, change]),
    noCache: false,
    ...more,
  }
  const { artifact } = await target.build(input)
  return { plan, artifact, image: String(artifact.image) }
}

async function started(
  app: SampleApp,
  change: Partial<ReleaseInput> = {},
  target = here.target,
): Promise<ReleaseInput> {
  const commands =
    app.start === undefined ? {} : { commands: { start: { command: app.start, from: 'profile' as const } } }
  const { plan, artifact } = await build(app, commands, {}, target)
  const input = { ...common(1), release: sampleRelease({ id: ref(1).releaseId, plan, artifact }), ...change }
  await target.start(input)
  return input
}

const answer = async (target: Target, input: ReleaseInput) => {
  const [address] = (await target.reach(input, 80)).probe
  if (address?.kind !== 'tcp') throw new Error('no address')
  const at = `http://${address.host}:${address.port}/`
  return {
    at,
    body: await vi.waitFor(() => fetch(at, { signal: AbortSignal.timeout(3_000) }).then((one) => one.text()), {
      timeout: 20_000,
      interval: 50,
    }),
  }
}

describe.skipIf(!haveEngine)(`the Docker target ${haveEngine ? '' : withoutEngine}`, () => {
  it.each(['stop', 'remove', 'restart', 'promoted'] as const)(
    'a fence that is raised between the look and the act: %s finds nothing, and is refused',
    async (verb) => {
      const input = await started(nodeSamples.server('hello'))
      if (verb === 'restart') await here.target.stop(input, 1)
      const seen = async () => {
        const [one] = (await here.target.inspect(input)).instances
        return { id: one?.id, pid: one?.pid, state: one?.state, restarts: one?.restarts }
      }
      const before = await seen()
      const socket = join(folder, 'relay.sock')
      const acts = { stop: /\/stop/, remove: /\/stop/, restart: /\/start/, promoted: /\/update/ }
      let raised = false
      const server = await relay(
        socket,
        (process.env.DOCKER_HOST ?? '').replace('unix://', ''),
        async ({ method, url }) => {
          if (raised || method !== 'POST' || !acts[verb].test(url)) return
          raised = true
          await here.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
          // Up to its first look, what the other had begun may still come.
          await here.target.list('res_web')
        },
      )
      const loser = docker({ cli, scope: here.scope, host: `unix://${socket}`, proxy: fakeProxy() })
      try {
        const calls = {
          stop: () => loser.stop(input, 1),
          remove: () => loser.remove(input, 1),
          restart: () => loser.restart(input, 1),
          promoted: () => loser.promoted?.(input, null) ?? Promise.resolve(),
        }
        const error = await calls[verb]().then(
          () => null,
          (reason: unknown) => reason,
        )
        expect(raised).toBe(true)
        expect(hasCode(error, 'fenced')).toBe(true)
        expect(await seen()).toEqual(before)
        await here.target.remove(input, 5)
      } finally {
        await loser.close?.()
        server.closeAllConnections()
        server.close()
      }
    },
  )

  it('a start that is overtaken after it looked starts nothing, and leaves nothing', async () => {
    const app = nodeSamples.server('hello')
    const { plan, artifact } = await build(app, { commands: { start: { command: app.start!, from: 'profile' } } })
    const input = { ...common(1), release: sampleRelease({ id: ref(1).releaseId, plan, artifact }) }
    const socket = join(folder, 'relay.sock')
    let raised = false
    const server = await relay(
      socket,
      (process.env.DOCKER_HOST ?? '').replace('unix://', ''),
      async ({ method, url }) => {
        if (raised || method !== 'POST' || !/\/start/.test(url)) return
        raised = true
        await here.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
        await here.target.list('res_web')
      },
    )
    const loser = docker({ cli, scope: here.scope, host: `unix://${socket}`, proxy: fakeProxy() })
    try {
      const error = await loser.start(input).then(
        () => null,
        (reason: unknown) => reason,
      )
      expect([raised, hasCode(error, 'fenced')]).toEqual([true, true])
      expect(await here.target.list('res_web')).toEqual([])
    } finally {
      await loser.close?.()
      server.closeAllConnections()
      server.close()
    }
  })

  it('a promoted release that is killed comes back at its address, and that is counted', async () => {
    const input = await started(nodeSamples.server('hello'))
    const { at } = await answer(here.target, input)
    await here.target.promoted?.(input, null)
    const pid = (await here.target.inspect(input)).instances[0]?.pid ?? 0
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(
      async () => {
        const [one] = (await here.target.inspect(input)).instances
        expect(one).toMatchObject({ state: 'running', restarts: 1 })
      },
      { timeout: 20_000 },
    )
    expect(await answer(here.target, input)).toEqual({ at, body: 'hello' })
  })

  it('secrets as files: the release reads them, and no configuration of the engine holds them', async () => {
    const secret = 'a-secret value\nof two lines'
    const other = await machine({ proxy: fakeProxy(), secrets: 'files' })
    try {
      const app = {
        ...nodeSamples.server('x'),
        files: {
          'server.mjs': `import { createServer } from 'node:http'
import { readFileSync, statSync } from 'node:fs'
const file = process.env.TOKEN_FILE
createServer((_, a) => a.end(JSON.stringify([readFileSync(file, 'utf8'), (statSync(file).mode & 0o777).toString(8), process.env.TOKEN ?? null, process.env.PLAIN]))).listen(process.env.PORT)`,
        },
      }
      const input = await started(
        app,
        { environment: { TOKEN: secret, PLAIN: 'plain' }, secretNames: ['TOKEN'] },
        other.target,
      )
      expect(JSON.parse((await answer(other.target, input)).body)).toEqual([secret, '400', null, 'plain'])
      const id = (await other.target.inspect(input)).instances[0]?.id ?? ''
      expect(run('inspect', id)).not.toContain('a-secret')
      await other.target.stop(input, 1)
      await other.target.restart(input, 1)
      expect(JSON.parse((await answer(other.target, input)).body)[0]).toBe(secret)
    } finally {
      await other.close()
    }
  })

  it.each(['workspace', 'dockerfile'] as const)(
    '%s: a secret of the build is in no layer, no history and no argument',
    async (kind) => {
      const secret = 'build-secret-5dc1'
      // Of what a former run built on the same engine, nothing would be printed again.
      const once = randomUUID()
      const check =
        "if (process.env.NPM_TOKEN !== 'build-secret-5dc1') throw new Error('not there'); console.log('seen ' + process.env.PLAIN)"
      const app: Pick<SampleApp, 'artifact' | 'files'> =
        kind === 'workspace'
          ? {
              artifact: { kind, installDirectory: '.', workingDirectory: '.' } as const,
              files: {
                'check.cjs': `${check.replaceAll('build-secret-5dc1', "' + 'build-' + 'secret-5dc1")} // ${once}`,
              },
            }
          : {
              artifact: {
                kind,
                dockerfilePath: 'docker/Dockerfile',
                context: '.',
                buildTarget: 'final',
                buildArgs: { FLAVOUR: 'mint' },
              } as const,
              files: {
                'docker/Dockerfile': `FROM ${nodeImage} AS final
ARG FLAVOUR
ARG PLAIN
COPY . /src
RUN --mount=type=secret,id=NPM_TOKEN test "$(sha256sum < /run/secrets/NPM_TOKEN | cut -c1-4)" != "e3b0" && echo "seen $PLAIN" && echo $FLAVOUR > /flavour && ls /src > /files
FROM ${nodeImage} AS never
RUN false
`,
                '.dockerignore': 'left-out\n',
                'left-out': 'x',
                kept: once,
              },
            }
      const lines: string[] = []
      const seen: string[] = []
      const watch = setInterval(() => seen.push(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })), 100)
      const commands =
        kind === 'workspace'
          ? { commands: { build: { command: ['node', 'check.cjs'], from: 'profile' as const } } }
          : {}
      const built = await build(app, commands, {
        environment: { NPM_TOKEN: secret, PLAIN: 'plain' },
        secretNames: ['NPM_TOKEN'],
        log: (line) => lines.push(line.text),
      }).finally(() => clearInterval(watch))
      expect(lines).toContain('seen plain')
      expect(seen.length).toBeGreaterThan(0)
      expect(seen.join('\n')).not.toContain(secret)
      expect(run('history', '--no-trunc', built.image)).not.toContain(secret)
      expect(run('inspect', built.image)).not.toContain(secret)
      const layers = execFileSync('/bin/sh', ['-c', '"$0" save "$1" | tar -xO', cli, built.image], {
        maxBuffer: 1024 * 1024 * 1024,
      })
      expect(layers.includes(secret)).toBe(false)
      if (kind === 'dockerfile') {
        expect(run('run', '--rm', built.image, 'cat', '/flavour', '/files').split('\n')).toEqual([
          'mint',
          'docker',
          'kept',
          '',
        ])
        expect(lines.some((line) => /^\[final 3\/3\] RUN/.test(line))).toBe(true)
      }
    },
  )

  it('a workspace has its production dependencies alone, and belongs to nobody with rights', async () => {
    const manifest = (name: string) => JSON.stringify({ name, version: '1.0.0', main: 'index.js' })
    const lock = {
      name: 'app',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': {
          name: 'app',
          version: '1.0.0',
          dependencies: { kept: 'file:kept' },
          devDependencies: { tool: 'file:tool' },
        },
        kept: { version: '1.0.0' },
        tool: { version: '1.0.0', dev: true },
        'node_modules/kept': { resolved: 'kept', link: true },
        'node_modules/tool': { resolved: 'tool', link: true },
      },
    }
    const app = {
      artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' } as const,
      files: {
        'package.json': JSON.stringify({
          name: 'app',
          version: '1.0.0',
          dependencies: { kept: 'file:kept' },
          devDependencies: { tool: 'file:tool' },
        }),
        'package-lock.json': JSON.stringify(lock),
        'kept/package.json': manifest('kept'),
        'kept/index.js': '',
        'tool/package.json': manifest('tool'),
        'tool/index.js': '',
      },
    }
    const { image } = await build(app, {
      runtime: { family: 'node', version: '20', packageManager: { name: 'npm' } },
      commands: {
        install: { command: ['npm', 'ci'], from: 'planner' },
        build: { command: ['node', '-e', "require('tool'); require('kept')"], from: 'profile' },
      },
    })
    const asked =
      "const fs = require('fs'); console.log(fs.readdirSync('node_modules').filter((one) => one[0] !== '.').join(), process.getuid(), fs.statSync('package.json').uid)"
    expect(run('run', '--rm', image, 'node', '-e', asked).trim()).toBe('kept 1000 1000')
  })

  it.each([
    ['an argv', ['nosuch-tool', '--version']],
    ['a shell’s text', 'nosuch-tool --version'],
  ])('a tool that the image lacks is named, in %s', async (_, command) => {
    const app = {
      artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' } as const,
      files: { a: '' },
    }
    const error = await build(app, { commands: { build: { command, from: 'profile' } } }).catch(
      (reason: unknown) => reason,
    )
    expect(hasCode(error, 'command-not-found') && error.message).toMatch(/nosuch-tool/)
  })
})
