import { isBlocked, type PlannerContext } from '@appaloft/core/spec'
import { memoryTree } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { node } from './index.js'

type Files = Record<string, string>

/** What becomes of a tree, in one line: `static DIR`, `spa DIR`, `server COMMAND`, a reason code, or `null`. */
async function outcome(files: Files): Promise<string> {
  const tree = memoryTree({ 'package-lock.json': '{}', ...files })
  const context: PlannerContext = {
    tree,
    root: tree,
    baseDirectory: '.',
    source: { kind: 'local-folder', path: '.' },
    profiles: {
      ...{ runtime: {}, network: {}, health: undefined, access: {}, environment: {} },
      ...{ volumes: [], binds: [] },
    },
    target: null,
    signal: new AbortController().signal,
  }
  const claim = await node().detect(context)
  if (claim === null) return 'null'
  const plan = await node().plan(context, claim)
  if (isBlocked(plan)) return plan.blocked[0].code
  if (plan.artifact.kind === 'static-site')
    return `${plan.artifact.spaFallback ? 'spa' : 'static'} ${plan.artifact.publishDirectory}`
  return `server ${[plan.commands.start?.command].flat().join(' ')}`
}

const manifest = (scripts: Files, packages: string[], more: object = {}): string =>
  JSON.stringify({ scripts, dependencies: Object.fromEntries(packages.map((name) => [name, '^5.0.0'])), ...more })

const router = manifest({ build: 'react-router build', start: 'react-router-serve ./build/server/index.js' }, [
  ...['@react-router/dev', 'react-router', 'vite'],
])
const remix = manifest({ build: 'remix vite:build', start: 'remix-serve ./build/server/index.js' }, [
  ...['@remix-run/dev', '@remix-run/react', 'vite'],
])
const nuxt = manifest({ build: 'nuxt build' }, ['nuxt'])
const svelte = (adapter: string): string => manifest({ build: 'vite build' }, ['@sveltejs/kit', 'vite', adapter])
const adapter = (name: string, options = ''): string =>
  `import adapter from '${name}'\nexport default { kit: { adapter: adapter(${options}) } }`
const astro = (...more: string[]): string => manifest({ build: 'astro build', dev: 'astro dev' }, ['astro', ...more])
const express = (scripts: Files): string => manifest(scripts, ['express'])
const listens = 'app.listen(process.env.PORT || 3000)'

const cases: [title: string, files: Files, expected: string][] = [
  [
    'React Router without a server is a page, its start script beside it',
    { 'package.json': router, 'react-router.config.ts': 'export default { ssr: false }' },
    'spa build/client',
  ],
  [
    'React Router with a commented-out mode is a server',
    { 'package.json': router, 'react-router.config.ts': 'export default {\n  // ssr: false,\n  ssr: true\n}' },
    'server npm run start',
  ],
  [
    'Remix without a server is a page',
    { 'package.json': remix, 'vite.config.ts': 'export default defineConfig({ plugins: [remix({ ssr: false })] })' },
    'spa build/client',
  ],
  ['Remix is a server', { 'package.json': remix }, 'server npm run start'],
  [
    'Nuxt without server rendering is a page',
    { 'package.json': nuxt, 'nuxt.config.ts': 'export default defineNuxtConfig({ ssr: false })' },
    'spa .output/public',
  ],
  [
    'Nuxt with one route that is not rendered is a server',
    {
      'package.json': nuxt,
      'nuxt.config.ts': "export default defineNuxtConfig({ routeRules: { '/a': { ssr: false } } })",
    },
    'server node .output/server/index.mjs',
  ],
  [
    'Nuxt for another host is not guessed',
    {
      'package.json': nuxt,
      'nuxt.config.ts': "export default defineNuxtConfig({ nitro: { preset: 'cloudflare-pages' } })",
    },
    'unsupported-framework',
  ],
  [
    'Nuxt 2 is not taken for Nuxt 3',
    { 'package.json': '{"scripts":{"build":"nuxt build"},"dependencies":{"nuxt":"^2.17.0"}}' },
    'server npx --no-install nuxt start',
  ],
  [
    'SvelteKit with a fallback page',
    {
      'package.json': svelte('@sveltejs/adapter-static'),
      'svelte.config.js': adapter('@sveltejs/adapter-static', "{ fallback: 'index.html' }"),
    },
    'spa build',
  ],
  [
    'SvelteKit, prerendered',
    { 'package.json': svelte('@sveltejs/adapter-static'), 'svelte.config.js': adapter('@sveltejs/adapter-static') },
    'static build',
  ],
  [
    'SvelteKit: the adapter that is imported, not the one that is left over',
    { 'package.json': svelte('@sveltejs/adapter-static'), 'svelte.config.js': adapter('@sveltejs/adapter-node') },
    'server node build',
  ],
  [
    'SvelteKit to a directory of its own',
    {
      'package.json': svelte('@sveltejs/adapter-node'),
      'svelte.config.js': adapter('@sveltejs/adapter-node', "{ out: 'server' }"),
    },
    'server node server',
  ],
  [
    'SvelteKit with adapter-auto',
    { 'package.json': svelte('@sveltejs/adapter-auto'), 'svelte.config.js': adapter('@sveltejs/adapter-auto') },
    'unsupported-framework',
  ],
  [
    'SvelteKit with its adapter in the configuration of Vite',
    {
      'package.json': svelte('@sveltejs/adapter-static'),
      'vite.config.ts':
        "import adapter from '@sveltejs/adapter-node'\nexport default defineConfig({ plugins: [sveltekit({ adapter: adapter() })] })",
    },
    'server node build',
  ],
  [
    'the server of fastify-cli, which listens where PORT says',
    { 'package.json': manifest({ start: 'fastify start -l info app.js' }, ['fastify', 'fastify-cli']) },
    'server npm run start',
  ],
  [
    'the server of fastify-cli on a port of its own',
    { 'package.json': manifest({ start: 'fastify start -p 4000 app.js' }, ['fastify', 'fastify-cli']) },
    'missing-internal-port',
  ],
  ['Astro', { 'package.json': astro() }, 'static dist'],
  ['Astro on Node', { 'package.json': astro('@astrojs/node') }, 'server node ./dist/server/entry.mjs'],
  ['Astro for another host', { 'package.json': astro('@astrojs/vercel') }, 'unsupported-framework'],
  [
    'Astro, partly rendered, without an adapter',
    { 'package.json': astro(), 'astro.config.mjs': "export default defineConfig({ output: 'hybrid' })" },
    'unsupported-framework',
  ],
  [
    'Vite that builds a server beside its page',
    {
      'package.json': manifest({ build: 'vite build && vite build --ssr src/entry-server.js' }, ['vite', 'express']),
      'index.html': '',
    },
    'unsupported-framework',
  ],
  [
    'Vite for the pages of another program',
    {
      'package.json': manifest({ build: 'vite build' }, ['vite', 'laravel-vite-plugin']),
      'vite.config.js': 'export default defineConfig({ plugins: [laravel()] })',
    },
    'unsupported-framework',
  ],
  [
    'a start of the packages of a workspace is no start of its root',
    {
      'package.json': manifest({ build: 'turbo build', start: 'turbo run start' }, ['turbo'], {
        workspaces: ['apps/*'],
      }),
    },
    'null',
  ],
  [
    'a start from a build that nothing writes',
    { 'package.json': express({ start: 'node dist/index.js' }), 'src/index.ts': listens },
    'missing-build-intent',
  ],
  [
    'a start from a build that a hook writes',
    { 'package.json': express({ prestart: 'tsc', start: 'node dist/index.js' }), 'src/index.ts': listens },
    'server npm run start',
  ],
  [
    'a start from an output that the source holds',
    { 'package.json': express({ start: 'node dist/index.js' }), 'dist/index.js': listens },
    'server node dist/index.js',
  ],
]

describe('modes', () => {
  it.each(cases)('%s', async (_title, files, expected) => {
    expect(await outcome(files)).toBe(expected)
  })
})

describe('what lies above the base directory', () => {
  const own = manifest({ start: 'node server.js' }, ['express'])
  async function planOf(rootManifest: string, more: Files = {}) {
    const root = memoryTree({ 'package-lock.json': '{}', 'package.json': rootManifest, ...more })
    const tree = memoryTree({ 'package.json': own, 'server.js': listens })
    const profiles = {
      ...{ runtime: {}, network: {}, health: undefined, access: {}, environment: {} },
      ...{ volumes: [], binds: [] },
    }
    const context: PlannerContext = {
      ...{ tree, root, baseDirectory: 'apps/api', profiles, target: null, signal: new AbortController().signal },
      source: { kind: 'local-folder', path: '.' },
    }
    const plan = await node().plan(context, (await node().detect(context))!)
    if (isBlocked(plan)) throw new Error(plan.blocked[0].message)
    return plan
  }

  it('a workspace’s lockfile installs at its root', async () => {
    const plan = await planOf('{"workspaces":["apps/*"]}')
    expect(plan.artifact).toMatchObject({ installDirectory: '.', workingDirectory: 'apps/api' })
    expect(plan.commands.install?.command).toEqual(['npm', 'ci'])
  })

  it('another package’s lockfile does not hold what this one needs', async () => {
    const plan = await planOf('{}')
    expect(plan.artifact).toMatchObject({ installDirectory: 'apps/api' })
    expect(plan.commands.install?.command).toEqual(['npm', 'install'])
    expect(plan.warnings.map((one) => one.code)).toContain('no-lockfile')
  })

  it('.tool-versions names the Node version', async () => {
    const plan = await planOf('{"workspaces":["apps/*"]}', { '.tool-versions': 'python 3.12\nnodejs 20.11.1\n' })
    expect(plan.runtime?.version).toBe('20.11.1')
  })
})
