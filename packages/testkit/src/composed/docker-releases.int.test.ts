import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createAppaloft, type Deployment, type ResourceDefinition } from '@appaloft/core'
import { type Progress, progressOf } from '@appaloft/core/spec'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { keptProxy, shutdown } from '@appaloft/target-process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// Whole deployments on a real Docker Engine, behind the embedded proxy.

const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
const registry = process.env.APPALOFT_TEST_REGISTRY
const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
const base = `node:${process.versions.node.split('.')[0]}-slim`
const scope = `test-${randomBytes(5).toString('hex')}`
const mark = `foreign-${scope}`
const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const lines = (...args: string[]) =>
  run(...args)
    .split('\n')
    .filter(Boolean)
    .sort()

let folder = ''
let stateDir = ''
const compose = (host?: string) =>
  createAppaloft({
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    stateDir,
    planners: [node(), dockerfile(), image(), staticSite()],
    targets: [
      docker({
        cli,
        scope,
        baseImage: () => base,
        proxy: embedded(),
        proxyContext: keptProxy,
        ...(host === undefined ? {} : { host }),
      }),
    ],
  })
let appaloft: ReturnType<typeof compose>

async function put(name: string, files: Record<string, string>): Promise<string> {
  const root = join(folder, name)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  return root
}

const server = (text: string) => `
  const { createServer } = require('node:http')
  if (${JSON.stringify(text)} === 'broken') { console.error('cannot go on'); process.exit(3) }
  createServer((request, response) => response.end(${JSON.stringify(text)})).listen(process.env.PORT || 3000)
  process.on('SIGTERM', () => process.exit(0))`

const manifest = JSON.stringify({ name: 'app', version: '1.0.0', scripts: { start: 'node server.js' } })

/** The source of a version, by kind. */
const sources: Record<string, (text: string) => Promise<ResourceDefinition['source']>> = {
  workspace: async (text) => ({
    kind: 'local-folder',
    path: await put('workspace', { 'package.json': manifest, 'server.js': server(text) }),
  }),
  dockerfile: async (text) => ({
    kind: 'local-folder',
    path: await put('dockerfile', {
      Dockerfile: [
        `FROM ${base} AS build`,
        'WORKDIR /src',
        'COPY server.js .',
        'RUN node --check server.js',
        `FROM ${base}`,
        'COPY --from=build /src/server.js /srv/server.js',
        'EXPOSE 3000',
        'CMD ["node", "/srv/server.js"]',
      ].join('\n'),
      'server.js': server(text),
    }),
  }),
  image: async (text) => {
    const root = await put(`image-${text}`, {
      Dockerfile: `FROM ${base}\nCOPY server.js /srv/server.js\nCMD ["node", "/srv/server.js"]\n`,
      'server.js': server(text),
    })
    const name = `${registry}/${scope}/app:${text}`
    run('buildx', 'build', '--quiet', '--tag', name, root)
    run('push', '--quiet', name)
    run('rmi', name)
    return { kind: 'docker-image', image: name }
  },
  'static-site': async (text) => ({
    kind: 'local-folder',
    path: await put('site', { 'index.html': text }),
  }),
}

async function deploy(kind: string, text: string): Promise<Deployment> {
  const source = await sources[kind]!(text)
  const resource: ResourceDefinition = {
    id: `res_${kind}`,
    source,
    network: { drainSeconds: 1, ...(kind === 'image' ? { internalPort: 3000 } : {}) },
    health: { startPeriodSeconds: 10 },
  }
  const handle = await appaloft.deployments.create({ resource })
  return await handle.done
}

/** What the build told of its instructions. */
async function progress(id: string): Promise<Progress[]> {
  const found: Progress[] = []
  for await (const envelope of appaloft.deployments.events(id)) {
    const part =
      envelope.kind === 'event' && envelope.event.type === 'log' ? progressOf(envelope.event.data) : undefined
    if (part !== undefined) found.push(part)
  }
  return found
}

/** What users get, and from which deployment. */
async function served(view: Deployment): Promise<{ body: string; by: string | null }> {
  const answer = await fetch(view.accessUrls[0]!)
  return { body: await answer.text(), by: answer.headers.get('x-appaloft-deployment') }
}

const foreign = () => ({
  containers: lines(
    'ps',
    '--all',
    '--no-trunc',
    '--filter',
    `label=${mark}`,
    '--format',
    '{{.ID}} {{.Names}} {{.State}}',
  ),
  images: lines('images', '--no-trunc', '--filter', `reference=${mark}:*`, '--format', '{{.ID}} {{.Tag}}'),
  volumes: lines('volume', 'ls', '--filter', `label=${mark}`, '--format', '{{.Name}}'),
  networks: lines('network', 'ls', '--no-trunc', '--filter', `label=${mark}`, '--format', '{{.ID}} {{.Name}}'),
})

const isBeat = (name: string) => /\.lease\.\d+\.beat\.\d+$/.test(name)
const ours = (resource?: string) => {
  const filters = [
    '--filter',
    `label=appaloft.scope=${scope}`,
    ...(resource === undefined ? [] : ['--filter', `label=appaloft.resource=${resource}`]),
  ]
  return [
    ...lines('ps', '--all', ...filters, '--format', '{{.Names}}'),
    ...lines('images', '--all', ...filters, '--format', '{{.Repository}}:{{.Tag}}'),
    ...lines(
      'images',
      '--filter',
      `reference=appaloft/${scope}:${resource ?? ''}*`,
      '--format',
      '{{.Repository}}:{{.Tag}}',
    ),
    // The marks stay, as they must: they keep a former holder out, and tell that nobody is at work.
    ...lines('volume', 'ls', ...filters, '--format', '{{.Name}}').filter(
      (name) => !/\.(?:fence\.after\.\d+|lease\.\d+\.released)$/.test(name),
    ),
  ]
}

describe.skipIf(!haveEngine)('deployments on a Docker Engine (need node scripts/engines.mjs)', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'appaloft-releases-'))
    stateDir = join(folder, 'state')
    appaloft = compose()
    const numbers = Array.from({ length: 50 }, (_, at) => at + 1)
    for (const at of numbers) {
      run('tag', 'busybox:stable', `${mark}:${at}`)
      run('volume', 'create', '--label', mark, `${mark}-${at}`)
      run('network', 'create', '--label', mark, '--internal', `${mark}-${at}`)
      run(
        'create',
        '--name',
        `${mark}-${at}`,
        '--label',
        mark,
        '--volume',
        `${mark}-${at}:/data`,
        'busybox:stable',
        'sleep',
        '600',
      )
    }
    for (const at of numbers.slice(0, 3)) run('start', `${mark}-${at}`)
  }, 180_000)

  afterAll(async () => {
    await appaloft.close()
    await shutdown(stateDir, { force: true })
    const { containers, volumes, networks } = foreign()
    const names = [
      ...containers.map((one) => one.split(' ')[0]!),
      ...lines('ps', '--all', '--quiet', '--filter', `label=appaloft.scope=${scope}`),
    ]
    if (names.length > 0) run('rm', '--force', ...names)
    for (const name of lines('images', '--filter', `reference=${mark}:*`, '--format', '{{.Repository}}:{{.Tag}}'))
      run('rmi', name)
    for (const name of lines(
      'images',
      '--filter',
      `reference=appaloft/${scope}:*`,
      '--format',
      '{{.Repository}}:{{.Tag}}',
    ))
      run('rmi', '--force', name)
    if (networks.length > 0) run('network', 'rm', ...networks.map((one) => one.split(' ')[0]!))
    const left = [
      ...volumes,
      ...lines('volume', 'ls', '--filter', `label=appaloft.scope=${scope}`, '--format', '{{.Name}}'),
    ]
    if (left.length > 0) run('volume', 'rm', ...left)
    await rm(folder, { recursive: true, force: true })
  }, 180_000)

  for (const kind of ['image', 'dockerfile', 'workspace', 'static-site']) {
    const needsRegistry = kind === 'image'
    it.skipIf(needsRegistry && registry === undefined)(
      `${kind}: a release, a second, a third that fails, back to the first, and removed without a trace${needsRegistry ? ' (needs the tests’ own registry)' : ''}`,
      async () => {
        const before = foreign()
        expect(before.containers).toHaveLength(50)
        const first = await deploy(kind, 'first')
        expect(first).toMatchObject({ status: 'succeeded' })
        expect(await served(first)).toEqual({ body: 'first', by: first.id })

        const second = await deploy(kind, 'second')
        expect(second).toMatchObject({ status: 'succeeded' })
        expect(await served(second)).toEqual({ body: 'second', by: second.id })

        if (kind !== 'static-site') {
          const third = await deploy(kind, 'broken')
          expect(third).toMatchObject({ status: 'failed', rollback: { outcome: 'restored' } })
          expect(third.failure).toMatchObject({ code: 'process-exited', exitCode: 3 })
          expect(third.failure?.lastLogs).toContain('cannot go on')
          expect(await served(second)).toEqual({ body: 'second', by: second.id })
        }

        const back = await (await appaloft.deployments.rollback(`res_${kind}`)).done
        expect(back).toMatchObject({ status: 'succeeded', trigger: 'rollback' })
        expect(await served(back)).toEqual({ body: 'first', by: back.id })
        expect(
          lines(
            'ps',
            '--filter',
            `label=appaloft.resource=res_${kind}`,
            '--filter',
            `label=appaloft.scope=${scope}`,
            '--quiet',
          ),
        ).toHaveLength(1)

        expect(ours(`res_${kind}`).length).toBeGreaterThan(1)
        await appaloft.resources.remove(`res_${kind}`, { volumes: true })
        expect(ours(`res_${kind}`).filter((name) => !isBeat(name))).toEqual([])
        // Nobody waits for the end of the lease: its beats go a moment later.
        await expect.poll(() => ours(`res_${kind}`)).toEqual([])
        expect(foreign()).toEqual(before)
      },
      180_000,
    )
  }

  it('an unchanged source is not built again, unless what was built of it is gone', async () => {
    const first = await deploy('workspace', 'same')
    const images = () => lines('images', '--no-trunc', '--quiet', '--filter', `label=appaloft.scope=${scope}`)
    const before = images()
    const second = await deploy('workspace', 'same')
    expect([first.status, second.status]).toEqual(['succeeded', 'succeeded'])
    expect(images()).toEqual(before)
    // The numbered instructions, each with its begin and its end.
    const [told, none] = [await progress(first.id), await progress(second.id)]
    expect(none).toEqual([])
    const ends = told.filter(({ status }) => status === 'succeeded')
    expect(ends.map(({ id }) => id).sort()).toEqual(
      told.flatMap(({ status, id }) => (status === 'started' ? [id] : [])).sort(),
    )
    expect(ends).toContainEqual(
      expect.objectContaining({ stage: 'release', index: 1, name: expect.stringMatching(/^COPY /) }),
    )
    for (const { milliseconds, index = 0, total = 0 } of ends) {
      expect(milliseconds).toBeGreaterThanOrEqual(0)
      expect(index).toBeLessThanOrEqual(total)
    }

    for (const name of lines(
      'images',
      '--filter',
      `reference=appaloft/${scope}:res_workspace*`,
      '--format',
      '{{.Repository}}:{{.Tag}}',
    ))
      run('rmi', '--force', name)
    const third = await deploy('workspace', 'same')
    expect(third.status).toBe('succeeded')
    expect(await served(third)).toEqual({ body: 'same', by: third.id })
    const again = (await progress(third.id)).filter(({ status }) => status === 'succeeded')
    expect(again.length).toBe(ends.length)
    expect(again.some(({ cached }) => cached === true)).toBe(true)
    await appaloft.resources.remove('res_workspace', { volumes: true })
  }, 120_000)

  it('a preview asks neither the engine nor the proxy: it shows all of it where there is none', async () => {
    const elsewhere = compose('unix:///nowhere/docker.sock')
    try {
      for (const kind of ['workspace', 'dockerfile', 'static-site']) {
        const source = await sources[kind]!('first')
        const preview = await elsewhere.deployments.plan({ resource: { source } })
        expect(preview.readiness.status).not.toBe('blocked')
        expect(preview.generatedFiles.map((one) => one.path)).toEqual(kind === 'dockerfile' ? [] : ['Dockerfile'])
      }
      const reference = { kind: 'docker-image' as const, image: 'nowhere.invalid/app:1' }
      const preview = await elsewhere.deployments.plan({
        resource: { source: reference, network: { internalPort: 80 } },
      })
      expect(preview.artifact).toEqual({ kind: 'image', image: 'nowhere.invalid/app:1' })
      const failed = await (
        await elsewhere.deployments.create({ resource: { source: reference, network: { internalPort: 80 } } })
      ).done
      expect(failed.failure?.code).toBe('runtime-backend-unavailable')
    } finally {
      await elsewhere.close()
    }
  })
})
