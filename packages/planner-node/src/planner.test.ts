import {
  globTree,
  isBlocked,
  type PlanDraft,
  type PlannerContext,
  type Profiles,
  type SourceTree,
} from '@appaloft/core/spec'
import { memoryTree } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { node } from './index.js'

type Files = Record<string, string>
interface Given {
  base?: string
  runtime?: Profiles['runtime']
  network?: Profiles['network']
}

function below(root: SourceTree, base: string): SourceTree {
  if (base === '.') return root
  const tree = {
    has: (path: string) => root.has(`${base}/${path}`),
    list: (path = '.') => root.list(`${base}/${path}`),
  }
  return {
    ...tree,
    readText: (path, options) => root.readText(`${base}/${path}`, options),
    glob: (pattern, options) => globTree(tree, pattern, options),
  }
}

function contextOf(files: Files, { base = '.', runtime = {}, network = {} }: Given): PlannerContext {
  const root = memoryTree(files)
  return {
    tree: below(root, base),
    root,
    baseDirectory: base,
    source: { kind: 'local-folder', path: '.' },
    profiles: { runtime, network, health: undefined, access: {}, environment: {}, volumes: [], binds: [] },
    target: null,
    signal: new AbortController().signal,
  }
}

const json = (value: unknown): string => JSON.stringify(value)
const claim = (files: Files, given: Given = {}) => node().detect(contextOf(files, given))

async function result(files: Files, given: Given = {}) {
  const context = contextOf(files, given)
  const claimed = await node().detect(context)
  if (claimed === null) throw new Error('not claimed')
  return node().plan(context, claimed)
}
async function ready(files: Files, given: Given = {}): Promise<PlanDraft> {
  const draft = await result(files, given)
  if (isBlocked(draft)) throw new Error(draft.blocked.map((one) => `${one.code}: ${one.message}`).join('\n'))
  return draft
}
async function blockedBy(files: Files, given: Given = {}) {
  const draft = await result(files, given)
  if (!isBlocked(draft)) throw new Error('not blocked')
  return draft.blocked[0]
}

const server = 'require("http").createServer().listen(process.env.PORT || 4000)'
const app = (more: object = {}) =>
  json({ scripts: { start: 'node server.js' }, dependencies: { express: '^5.0.0' }, ...more })
const site = (more: object = {}) =>
  json({ scripts: { build: 'vite build', dev: 'vite' }, devDependencies: { vite: '^7.0.0' }, ...more })

describe('package managers', () => {
  const cases: [lockfile: string, text: string, name: string, install: string, start: string][] = [
    ['package-lock.json', '{}', 'npm', 'npm ci', 'node server.js'],
    ['pnpm-lock.yaml', '', 'pnpm', 'pnpm install --frozen-lockfile', 'node server.js'],
    ['yarn.lock', '# yarn lockfile v1', 'yarn', 'yarn install --frozen-lockfile', 'node server.js'],
    ['yarn.lock', '__metadata:\n  version: 8', 'yarn-berry', 'yarn install --immutable', 'yarn run start'],
    ['bun.lock', '{}', 'bun', 'bun install --frozen-lockfile', 'bun run start'],
  ]
  it.each(cases)('%s %j: %s', async (lockfile, text, name, install, start) => {
    const draft = await ready({ 'package.json': app(), 'server.js': server, [lockfile]: text })
    expect(draft.runtime?.packageManager?.name).toBe(name)
    expect(draft.commands.install).toEqual({ command: install.split(' '), from: 'planner' })
    expect(draft.commands.start?.command).toEqual(start.split(' '))
    expect(draft.warnings).toEqual([])
  })

  it('several families block without the field, and the field decides', async () => {
    const files = { 'server.js': server, 'package-lock.json': '{}', 'pnpm-lock.yaml': '' }
    const reason = await blockedBy({ ...files, 'package.json': app() })
    expect(reason.code).toBe('ambiguous-build-tool')
    const draft = await ready({ ...files, 'package.json': app({ packageManager: 'pnpm@9.1.0+sha512.ab' }) })
    expect(draft.runtime?.packageManager).toEqual({ name: 'pnpm', version: '9.1.0' })
    expect(draft.commands.install?.command).toEqual(['pnpm', 'install', '--frozen-lockfile'])
    expect(
      (await ready({ ...files, 'package.json': app() }, { runtime: { installCommand: 'make deps' } })).commands.install,
    ).toEqual({
      command: 'make deps',
      from: 'profile',
    })
  })

  it('no lockfile: npm install and a warning; no dependencies: nothing', async () => {
    const draft = await ready({ 'package.json': app(), 'server.js': server })
    expect(draft.commands.install?.command).toEqual(['npm', 'install'])
    expect(draft.warnings.map((one) => one.code)).toEqual(['no-lockfile'])
    const bare = await ready({ 'package.json': json({ scripts: { start: 'node server.js' } }), 'server.js': server })
    expect(bare.commands.install).toBeUndefined()
    expect(bare.warnings).toEqual([])
  })

  it('finds the lockfile and the field of a workspace root', async () => {
    const files = {
      'package.json': json({ workspaces: ['apps/*'], packageManager: 'yarn@4.5.0' }),
      'yarn.lock': '__metadata:',
      'apps/api/package.json': app(),
      'apps/api/server.js': server,
    }
    const draft = await ready(files, { base: 'apps/api' })
    expect(draft.artifact).toEqual({ kind: 'workspace', installDirectory: '.', workingDirectory: 'apps/api' })
    expect(draft.commands.install?.command).toEqual(['yarn', 'install', '--immutable'])
    expect(draft.evidence.map((one) => one.file)).toContain('apps/api/server.js')
    expect(await claim(files)).toBeNull()
  })

  it.each([
    ['v20.11.0\n', '20.11.0'],
    ['lts/iron', '20'],
    ['lts/*', '*'],
    ['# why\n22', '22'],
  ])('.nvmrc %j', async (text, version) => {
    expect((await ready({ 'package.json': app(), 'server.js': server, '.nvmrc': text })).runtime?.version).toBe(version)
  })
})

describe('static sites', () => {
  it('vite: its own directory, no fallback without a client router', async () => {
    const draft = await ready({ 'package.json': site(), 'index.html': '' })
    expect(draft.artifact).toEqual({ kind: 'static-site', publishDirectory: 'dist', spaFallback: false })
    expect(draft.network).toEqual({ internalPort: 80, from: 'planner', honoursPort: true })
    expect(draft.commands.build?.command).toEqual(['npm', 'run', 'build'])
    expect(draft.commands.start).toBeUndefined()
    expect(draft.framework).toEqual({ name: 'vite', version: '^7.0.0', mode: 'static' })
  })

  it('vite: a client router is the evidence for the fallback', async () => {
    const draft = await ready({ 'package.json': site({ dependencies: { 'vue-router': '4' } }) })
    expect(draft.artifact).toMatchObject({ spaFallback: true })
    expect(draft.evidence.map((one) => one.signal)).toContain('dependencies.vue-router')
  })

  const configs: [config: string, directory: string][] = [
    [`export default defineConfig({ build: { outDir: 'public' } })`, 'public'],
    [`export default { build: { minify: true, "outDir": "a/b" } }`, 'a/b'],
    [`export default {\n  // build: { outDir: 'no' },\n}`, 'dist'],
    [`export default { build: { /* outDir: 'no', */ } }`, 'dist'],
    [`const text = "build: { outDir: 'no' }"\nexport default {}`, 'dist'],
    [`export default { other: { outDir: 'no' } }`, 'dist'],
    [`export default { root: 'web', build: {} }`, 'web/dist'],
    [`export default { build: { outDir: path.resolve(__dirname, 'site') } }`, 'site'],
  ]
  it.each(configs)('vite.config %s', async (config, directory) => {
    const draft = await ready({ 'package.json': site(), 'vite.config.ts': config })
    expect(draft.artifact).toMatchObject({ publishDirectory: directory })
  })

  it('a computed directory is not guessed', async () => {
    const reason = await blockedBy({
      'package.json': site(),
      'vite.config.js': 'export default { build: { outDir: where() } }',
    })
    expect(reason.code).toBe('missing-artifact-output')
  })

  it('--outDir of the build script wins', async () => {
    const text = json({ scripts: { build: 'tsc && vite build --outDir=www' }, devDependencies: { vite: '7' } })
    expect((await ready({ 'package.json': text })).artifact).toMatchObject({ publishDirectory: 'www' })
  })

  it('builds with the framework itself where there is no build script', async () => {
    const text = json({ scripts: { start: 'vite' }, devDependencies: { vite: '7' } })
    const draft = await ready({ 'package.json': text })
    expect(draft.commands.build?.command).toEqual(['npx', '--no-install', 'vite', 'build'])
    expect(draft.warnings.map((one) => one.code)).toContain('development-start')
  })

  it.each([
    ['react-scripts', 'react-scripts build', 'build'],
    ['gatsby', 'gatsby build', 'public'],
    ['@docusaurus/core', 'docusaurus build', 'build'],
    ['@11ty/eleventy', 'eleventy', '_site'],
    ['@vue/cli-service', 'vue-cli-service build', 'dist'],
    ['astro', 'astro build', 'dist'],
  ])('%s', async (name, build, publishDirectory) => {
    const draft = await ready({ 'package.json': json({ scripts: { build }, dependencies: { [name]: '1' } }) })
    expect(draft.artifact).toMatchObject({ kind: 'static-site', publishDirectory })
  })

  it('a start script of its own makes a server of it', async () => {
    const draft = await ready({
      'package.json': site({ scripts: { build: 'vite build', start: 'node server.js' } }),
      'server.js': server,
    })
    expect(draft.artifact.kind).toBe('workspace')
    expect(draft.network.internalPort).toBe(4000)
  })
})

describe('frameworks with a server', () => {
  const next = (config: string) =>
    ready({
      'package.json': json({ scripts: { build: 'next build', start: 'next start' }, dependencies: { next: '15.0.0' } }),
      'next.config.mjs': config,
    })

  it('next: a server, or an export', async () => {
    expect((await next(`export default {}`)).network).toEqual({
      internalPort: 3000,
      from: 'planner',
      honoursPort: true,
    })
    expect((await next(`export default { output: "export" }`)).artifact).toMatchObject({ publishDirectory: 'out' })
    expect((await next(`export default {\n// output: 'export'\n}`)).artifact.kind).toBe('workspace')
  })

  it('next without a start script is started by itself', async () => {
    const text = json({ scripts: { dev: 'next dev' }, dependencies: { next: '15' } })
    const draft = await ready({ 'package.json': text })
    expect(draft.commands.start?.command).toEqual(['npx', '--no-install', 'next', 'start'])
    expect(draft.commands.build?.command).toEqual(['npx', '--no-install', 'next', 'build'])
  })

  it('astro with the Node adapter', async () => {
    const text = json({ scripts: { build: 'astro build' }, dependencies: { astro: '5', '@astrojs/node': '9' } })
    const draft = await ready({ 'package.json': text })
    expect(draft.commands.start?.command).toEqual(['node', './dist/server/entry.mjs'])
    expect(draft.network.internalPort).toBe(4321)
  })

  it('server rendering on Vite is never served as a static page', async () => {
    const kit = { '@sveltejs/kit': '2', vite: '7' }
    const reason = await blockedBy({ 'package.json': site({ devDependencies: kit }) })
    expect(reason.code).toBe('unsupported-framework')
    const scripts = { build: 'vite build', start: 'node build' }
    const draft = await ready({ 'package.json': site({ scripts, devDependencies: kit }) })
    expect(draft.framework?.name).toBe('sveltekit')
    expect(draft.network.internalPort).toBe(3000)
  })
})

describe('modes of frameworks that render on a server', () => {
  it.each([
    ['@sveltejs/adapter-static', 'static-site'],
    ['@sveltejs/adapter-node', 'workspace'],
  ])('sveltekit with %s', async (adapter, kind) => {
    const devDependencies = { '@sveltejs/kit': '2', vite: '7', [adapter]: '5' }
    const draft = await ready({ 'package.json': site({ devDependencies }) })
    expect(draft.artifact.kind).toBe(kind)
    if (kind === 'static-site') expect(draft.artifact).toMatchObject({ publishDirectory: 'build' })
    else expect(draft.network.internalPort).toBe(3000)
  })

  const angular = (build: object) => ({
    'package.json': json({
      scripts: { start: 'ng serve', build: 'ng build' },
      dependencies: { '@angular/core': '20', '@angular/router': '20' },
    }),
    'angular.json': json({ projects: { shop: { projectType: 'application', architect: { build } } } }),
  })

  it.each([
    [{ builder: '@angular/build:application' }, 'dist/shop/browser'],
    [{ builder: '@angular/build:application', options: { ssr: false, outputPath: 'out' } }, 'out/browser'],
    [{ builder: '@angular/build:application', options: { outputPath: { base: 'out', browser: '' } } }, 'out'],
    [{ builder: '@angular-devkit/build-angular:browser', options: { outputPath: 'dist' } }, 'dist'],
  ])('angular %j', async (build, publishDirectory) => {
    const draft = await ready(angular(build))
    expect(draft.artifact).toEqual({ kind: 'static-site', publishDirectory, spaFallback: true })
  })

  it('angular that renders on a server is started from what it is built to', async () => {
    const draft = await ready(
      angular({ builder: '@angular/build:application', options: { ssr: { entry: 'src/server.ts' } } }),
    )
    expect(draft.commands.start?.command).toEqual(['node', 'dist/shop/server/server.mjs'])
    expect(draft.network.internalPort).toBe(4000)
  })

  it('react-router without server rendering is a page', async () => {
    const text = site({
      dependencies: { 'react-router': '7' },
      devDependencies: { '@react-router/dev': '7', vite: '7' },
    })
    const draft = await ready({ 'package.json': text, 'react-router.config.ts': 'export default { ssr: false }' })
    expect(draft.artifact).toEqual({ kind: 'static-site', publishDirectory: 'build/client', spaFallback: true })
    expect((await blockedBy({ 'package.json': text })).code).toBe('unsupported-framework')
  })
})

describe('servers and their port', () => {
  it('evidence holds no value of a variable that a script sets', async () => {
    const scripts = { start: 'API_KEY=abc123 TOKEN="x y" node server.js' }
    const draft = await ready({ 'package.json': app({ scripts }), 'server.js': server })
    expect(json(draft.evidence)).not.toMatch(/abc123|x y/)
  })

  it('a static file server that honours PORT', async () => {
    const scripts = { build: 'vite build', start: 'serve -s dist' }
    const draft = await ready({ 'package.json': site({ scripts, dependencies: { serve: '14' } }) })
    expect(draft.network).toMatchObject({ internalPort: 3000, honoursPort: true })
    // Where it does not come with the application, what it would serve is served.
    expect((await ready({ 'package.json': site({ scripts }) })).artifact).toMatchObject({
      ...{ kind: 'static-site', publishDirectory: 'dist', spaFallback: true },
    })
  })

  const reads: [source: string, port: number][] = [
    ['app.listen(process.env.PORT ?? 8080)', 8080],
    [`app.listen(Number(process.env['PORT']) || 5000)`, 5000],
    ['app.listen(parseInt(process.env.PORT || "7000", 10))', 7000],
    ['const { HOST, PORT = 6000 } = process.env\napp.listen(PORT)', 6000],
    ['const fallback = 4100\napp.listen(process.env.PORT || fallback)', 4100],
    ['import { env } from "node:process"\napp.listen(env.PORT)', 3000],
    ['require("./lib/start")', 9000],
  ]
  it.each(reads)('%s', async (source, port) => {
    const files = { 'server.js': source, 'lib/start.js': 'listen(process.env.PORT || 9000)' }
    const draft = await ready({ ...files, 'package.json': app() })
    expect(draft.network).toEqual({ internalPort: port, from: 'planner', honoursPort: true })
  })

  it.each([
    '// process.env.PORT\napp.listen(3000)',
    'console.log("process.env.PORT")\napp.listen(3000)',
    '/* const { PORT } = process.env */ app.listen(3000)',
    'process.env.PORT = "1"\napp.listen(3000)',
    'const port = 3000\napp.listen(port, () => log(port))',
  ])('not proven: %s', async (source) => {
    const reason = await blockedBy({ 'package.json': app(), 'server.js': source })
    expect(reason.code).toBe('missing-internal-port')
    expect(reason.message).toContain('3000')
    expect(reason.overridePath.map((one) => [one.profileField, one.example])).toEqual([
      ['network.internalPort', '3000'],
      ['network.honoursPort', 'false'],
    ])
  })

  it('the profile gives the port; exposure none needs none', async () => {
    const files = { 'package.json': app(), 'server.js': 'app.listen(3000)' }
    const draft = await ready(files, { network: { internalPort: 3000, honoursPort: false } })
    expect(draft.network).toEqual({ internalPort: 3000, from: 'profile', honoursPort: false })
    expect((await ready(files, { network: { exposure: 'none' } })).network).toMatchObject({ from: 'none' })
  })

  it('a compiled start is read where it is compiled from', async () => {
    const scripts = { build: 'nest build', start: 'nest start', 'start:prod': 'node dist/main' }
    const text = json({ scripts, dependencies: { '@nestjs/core': '11' } })
    const draft = await ready({ 'package.json': text, 'src/main.ts': 'await app.listen(process.env.PORT ?? 3100)' })
    expect(draft.commands.start?.command).toEqual(['node', 'dist/main'])
    expect(draft.network.internalPort).toBe(3100)
    expect(draft.warnings.map((one) => one.code)).toContain('development-start')
  })

  it('a development start gives way to the server file', async () => {
    const draft = await ready({ 'package.json': app({ scripts: { start: 'nodemon server.js' } }), 'server.js': server })
    expect(draft.commands.start?.command).toEqual(['node', 'server.js'])
  })

  it('the Procfile stands above package.json, and other processes are named', async () => {
    const draft = await ready({
      'package.json': app(),
      'server.js': server,
      'api.js': 'listen(process.env.PORT)',
      Procfile: 'web: node api.js\nworker: node w.js\n',
    })
    expect(draft.commands.start).toEqual({ command: 'node api.js', from: 'planner' })
    expect(draft.warnings.find((one) => one.code === 'other-processes')?.message).toContain('worker')
  })

  it('a server that also builds a page is a server', async () => {
    const text = app({ scripts: { build: 'vite build', start: 'node server.js' }, devDependencies: { vite: '7' } })
    const draft = await ready({ 'package.json': text, 'index.html': '', 'server.js': server })
    expect(draft.framework).toMatchObject({ name: 'express', mode: 'server' })
  })
})

describe('claims and profiles', () => {
  it.each(['{ nonsense', '[]', json({ scripts: 'no' })])('an unreadable package.json %s', async (text) => {
    // At the root it blocks rather than let a folder of documentation be deployed instead.
    expect((await claim({ 'package.json': text }))?.supportTier).toBe('generic')
    expect((await claim({ 'app/package.json': text }, { base: 'app' }))?.supportTier).toBe('unsupported')
    const reason = await blockedBy({ 'app/package.json': text }, { base: 'app' })
    expect(reason.code).toBe('source-unreadable')
    expect(reason.message).toContain('app/package.json')
    expect(reason.fixPath).toEqual([{ action: 'Mend app/package.json.' }])
  })

  it('a byte-order mark is no error', async () => {
    expect((await claim({ 'package.json': `\uFEFF${app()}`, 'server.js': server }))?.supportTier).toBe('first-class')
  })

  it('a library is claimed weakly and blocks', async () => {
    const files = { 'package.json': json({ main: 'index.js' }), 'index.js': 'module.exports = 1' }
    expect(await claim(files)).toMatchObject({ basis: 'generic', supportTier: 'requires-override' })
    expect((await blockedBy(files)).code).toBe('missing-start-intent')
    expect(await claim({ 'index.html': '' })).toBeNull()
  })

  it('the commands of the profile win and are marked', async () => {
    const runtime = {
      startCommand: 'node server.js',
      buildCommand: ['make'],
      packageCommand: 'p',
      releaseCommand: ['r'],
    }
    const files = { 'package.json': app(), 'server.js': server }
    expect(await claim(files, { runtime })).toMatchObject({ basis: 'explicit', supportTier: 'explicit-custom' })
    const { commands, network } = await ready(files, { runtime })
    expect(commands).toMatchObject({
      build: { command: ['make'], from: 'profile' },
      package: { command: 'p', from: 'profile' },
      release: { command: ['r'], from: 'profile' },
      start: { command: 'node server.js', from: 'profile' },
    })
    expect(network.internalPort).toBe(4000)
  })

  it('a publish directory makes a site; with a start command it contradicts', async () => {
    const files = { 'package.json': app(), 'server.js': server }
    expect((await ready(files, { runtime: { publishDirectory: 'web' } })).artifact).toMatchObject({
      publishDirectory: 'web',
    })
    const both = { publishDirectory: 'web', startCommand: 'node server.js' }
    expect((await blockedBy(files, { runtime: both })).code).toBe('incompatible-source-strategy')
  })
})
