import type { SourceTree } from '@appaloft/core/spec'
import { dependencyVersion, type Manifest } from './manifest.js'
import { callsProgram } from './scripts.js'
import { isMark, isName, valueOf, type Word, words } from './text.js'

/** What is known of a framework. Static ones are served from `output`; servers are started; the rest need a start script of their own. */
export interface Framework {
  name: string
  packages: readonly string[]
  kind: 'static' | 'server' | 'ssr'
  /** Programs whose call in a script, besides a configuration file, shows that the framework is really used. */
  programs: readonly string[]
  /** Configuration files without their ending. */
  configs: readonly string[]
  build: readonly string[]
  output: string
  /** Where a configuration or a script names another output directory. */
  outputKey?: { inside?: string; key: string }
  outputFlags?: readonly string[]
  start?: readonly string[]
  port?: number
  /** A client router may answer any path. */
  router?: boolean
}

const ssr = (
  name: string,
  packages: string[],
  programs: string[],
  build: string[],
  configs: string[] = [],
  port = 3000,
): Framework => ({ name, packages, kind: 'ssr', programs, configs, build, output: '', port })

const site = (
  name: string,
  packages: string[],
  programs: string[],
  configs: string[],
  build: string[],
  output: string,
  more: Partial<Framework> = {},
): Framework => ({ name, packages, kind: 'static', programs, configs, build, output, ...more })

/** In order: what owns Vite comes before Vite. */
export const frameworks: readonly Framework[] = [
  {
    name: 'next',
    packages: ['next'],
    kind: 'server',
    programs: ['next'],
    configs: ['next.config'],
    build: ['next', 'build'],
    output: 'out',
    start: ['next', 'start'],
    port: 3000,
  },
  {
    name: 'nuxt',
    packages: ['nuxt', 'nuxt3'],
    kind: 'server',
    programs: ['nuxt', 'nuxi'],
    configs: ['nuxt.config'],
    build: ['nuxt', 'build'],
    output: '.output/public',
    start: ['node', '.output/server/index.mjs'],
    port: 3000,
  },
  site('astro', ['astro'], ['astro'], ['astro.config'], ['astro', 'build'], 'dist', {
    outputKey: { key: 'outDir' },
    outputFlags: ['--outDir'],
    start: ['node', './dist/server/entry.mjs'],
    port: 4321,
  }),
  {
    ...ssr('sveltekit', ['@sveltejs/kit'], [], ['vite', 'build'], ['svelte.config', 'vite.config']),
    output: 'build',
    start: ['node', 'build'],
  },
  ssr('tanstack-start', ['@tanstack/react-start', '@tanstack/solid-start', '@tanstack/start'], [], ['vite', 'build']),
  {
    ...ssr('react-router', ['@react-router/dev'], ['react-router'], ['react-router', 'build'], ['react-router.config']),
    output: 'build/client',
    router: true,
  },
  {
    ...ssr('remix', ['@remix-run/dev'], ['remix'], ['remix', 'build'], ['vite.config']),
    output: 'build/client',
  },
  ssr('qwik', ['@builder.io/qwik-city', '@qwik.dev/router'], ['qwik'], ['qwik', 'build']),
  ssr('solid-start', ['@solidjs/start'], ['vinxi'], ['vinxi', 'build']),
  ssr('analog', ['@analogjs/platform'], [], ['ng', 'build']),
  { ...ssr('angular', ['@angular/core'], ['ng'], ['ng', 'build'], ['angular'], 4000), router: true },
  ssr('vike', ['vike'], ['vike'], ['vike', 'build']),
  ssr('waku', ['waku'], ['waku'], ['waku', 'build']),
  site(
    'create-react-app',
    ['react-scripts'],
    ['react-scripts', 'react-app-rewired', 'craco'],
    [],
    ['react-scripts', 'build'],
    'build',
    {
      router: true,
    },
  ),
  site('vue-cli', ['@vue/cli-service'], ['vue-cli-service'], ['vue.config'], ['vue-cli-service', 'build'], 'dist', {
    outputKey: { key: 'outputDir' },
    outputFlags: ['--dest'],
    router: true,
  }),
  site('gatsby', ['gatsby'], ['gatsby'], ['gatsby-config'], ['gatsby', 'build'], 'public'),
  site('docusaurus', ['@docusaurus/core'], ['docusaurus'], ['docusaurus.config'], ['docusaurus', 'build'], 'build', {
    outputFlags: ['--out-dir'],
  }),
  site(
    'eleventy',
    ['@11ty/eleventy'],
    ['eleventy', '@11ty/eleventy'],
    ['.eleventy', 'eleventy.config'],
    ['eleventy'],
    '_site',
    {
      outputKey: { inside: 'dir', key: 'output' },
      outputFlags: ['--output'],
    },
  ),
  site('hexo', ['hexo'], ['hexo'], [], ['hexo', 'generate'], 'public'),
  site('ember', ['ember-cli'], ['ember'], ['ember-cli-build'], ['ember', 'build', '--environment=production'], 'dist'),
  site('gridsome', ['gridsome'], ['gridsome'], ['gridsome.config'], ['gridsome', 'build'], 'dist'),
  site('vite', ['vite', 'rolldown-vite'], ['vite'], ['vite.config'], ['vite', 'build'], 'dist', {
    outputKey: { inside: 'build', key: 'outDir' },
    outputFlags: ['--outDir'],
    router: true,
  }),
]

export const serverPackages: readonly [dependency: string, name: string][] = [
  ['@nestjs/core', 'nest'],
  ['express', 'express'],
  ['fastify', 'fastify'],
  ['koa', 'koa'],
  ['hono', 'hono'],
  ['@hapi/hapi', 'hapi'],
]

export const clientRouters: readonly string[] = [
  ...['react-router-dom', 'react-router', 'vue-router', '@tanstack/react-router', '@tanstack/vue-router', 'wouter'],
  ...[
    '@solidjs/router',
    'svelte-routing',
    'svelte-spa-router',
    'preact-router',
    'preact-iso',
    '@reach/router',
    '@angular/router',
  ],
]

const endings = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json']

/** The framework's configuration as words, with its file; the first that exists. */
export async function configOf(tree: SourceTree, framework: Framework): Promise<{ file: string; list: Word[] } | null> {
  for (const name of framework.configs)
    for (const ending of ['', ...endings]) {
      if (ending === '' && !name.startsWith('.')) continue
      const text = await tree.readText(name + ending)
      if (text !== null) return { file: name + ending, list: words(text) }
    }
  return null
}

export interface Found {
  framework: Framework
  version: string
  dependency: string
  config: { file: string; list: Word[] } | null
}

/** The framework that the package uses: a dependency, and a script, configuration or page that shows it at work. */
export async function findFramework(tree: SourceTree, manifest: Manifest): Promise<Found | null> {
  for (const framework of frameworks) {
    const dependency = framework.packages.find((name) => dependencyVersion(manifest, name) !== undefined)
    if (dependency === undefined) continue
    const config = await configOf(tree, framework)
    const scripts = Object.values(manifest.scripts)
    const used =
      config !== null ||
      framework.kind === 'ssr' ||
      framework.programs.some((program) => scripts.some((script) => callsProgram(script, program))) ||
      (await tree.has('index.html')) ||
      (framework.kind === 'server' && (await hasPages(tree)))
    const library = framework.name === 'vite' && config !== null && isLibrary(config.list)
    if (used && !library) return { framework, version: dependencyVersion(manifest, dependency)!, dependency, config }
  }
  return null
}

const hasPages = async (tree: SourceTree): Promise<boolean> => {
  for (const folder of ['app/', 'pages/', 'src/app/', 'src/pages/', 'src/routes/'])
    if (await tree.has(folder)) return true
  return false
}

/** Vite's library mode: `build: { lib: … }`. */
function isLibrary(list: Word[]): boolean {
  const build = valueOf(list, 'build')
  return build >= 0 && isMark(list[build], '{') && valueOf(list.slice(build), 'lib', 1) >= 0
}

/** Does the configuration hold `key: 'value'` (or a bare word such as `false`)? */
export function setsTo(list: Word[], key: string, value: string, depth: number | null = null): boolean {
  const at = valueOf(list, key, depth)
  const word = at < 0 ? undefined : list[at]
  return (word?.type === 'string' && word.value === value) || isName(word, value)
}
