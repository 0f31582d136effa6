import { posix } from 'node:path'
import type { Config } from '../reader/config.js'
import { directoryOf, flagOf } from './output.js'
import { noOutput } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

type Json = Record<string, unknown>
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}

async function json(project: Project, file: string): Promise<Json> {
  try {
    return object(JSON.parse((await project.text(file)) ?? 'null'))
  } catch {
    return {}
  }
}

/** A folder that something is bundled to is a page where an HTML file is bundled, or lies there already. */
async function page(project: Project, output: string): Promise<Mode> {
  const html = project.uses(
    'html-webpack-plugin',
    '@rspack/plugin-html',
    'html-rspack-plugin',
    'copy-webpack-plugin',
    'rollup-plugin-html',
    '@rollup/plugin-html',
    '@web/rollup-plugin-html',
  )
  if (html !== undefined || (await project.has(posix.join(output, 'index.html')))) return { kind: 'static', output }
  return { kind: 'other' }
}

async function parcel(project: Project): Promise<Mode> {
  const manifest = await json(project, 'package.json')
  const named = [manifest.source].flat().filter((one): one is string => typeof one === 'string')
  const entries = [...project.build.flatMap((argv) => argv.slice(1)), ...named]
  if (!entries.some((entry) => /\.(?:html?|pug)$/.test(entry))) return { kind: 'other' }
  const flag = flagOf(project, 'parcel', ['--dist-dir', '--out-dir', '-d'])
  if (flag !== undefined) return { kind: 'static', output: flag }
  for (const [name, target] of Object.entries(object(manifest.targets))) {
    const set = object(target).distDir
    if (typeof set !== 'string') continue
    project.see('package.json', `targets.${name}.distDir`, set)
    return { kind: 'static', output: posix.normalize(set) }
  }
  return { kind: 'static', output: 'dist' }
}

async function webpack(project: Project): Promise<Mode> {
  const file = flagOf(project, ['webpack', 'webpack-cli', 'rspack'], ['--config', '-c'])
  const config = (file === undefined ? null : await project.configOf(file)) ?? project.config
  const target = config?.setting('target') ?? { state: 'absent' }
  if (target.state === 'known' && /^(?:async-)?node/.test(String(target.value))) return { kind: 'other' }
  const flag = flagOf(project, ['webpack', 'webpack-cli', 'rspack'], ['--output-path', '-o'])
  const set = config?.path('output.path') ?? { state: 'absent' }
  if (flag === undefined && set.state === 'computed') return noOutput(config!.file, 'output.path')
  if (set.state === 'known') project.see(config!.file, 'output.path', set.value)
  if (flag !== undefined) return page(project, flag)
  if (config === null) return page(project, 'dist')
  const written = set.state === 'known' ? inFolder(config, String(set.value)) : await shared(project, config)
  return page(project, written ?? 'dist')
}

/** A path of a configuration is relative to the folder that the configuration lies in. */
const inFolder = (config: Config, path: string): string => posix.join(posix.dirname(config.file), path)

/** The directory that another file says, out of which this one is merged. */
async function shared(project: Project, config: Config): Promise<string | undefined> {
  const text = (await project.text(config.file)) ?? ''
  for (const [, path] of text.matchAll(/(?:require\(|from\s+)\s*["'](\.[^"'\n]*)["']/g)) {
    const other = await project.configOf(inFolder(config, path!))
    const set = other?.path('output.path') ?? { state: 'absent' }
    if (set.state !== 'known') continue
    project.see(other!.file, 'output.path', set.value)
    return inFolder(other!, String(set.value))
  }
  return undefined
}

const rsbuildOutput = (config: Config | null, project: Project): string | null => {
  const short = config?.setting('output.distPath')
  const path = short?.state === 'given' ? 'output.distPath.root' : 'output.distPath'
  const found = directoryOf(project, path)
  return found === undefined ? 'dist' : found
}

async function umi(project: Project): Promise<Mode> {
  const config = project.config ?? (await project.configOf('config/config', 'config/config.prod'))
  const set = config?.path('outputPath') ?? { state: 'absent' }
  if (set.state === 'computed') return noOutput(config!.file, 'outputPath')
  if (set.state === 'known') project.see(config!.file, 'outputPath', set.value)
  return { kind: 'static', output: set.state === 'known' ? String(set.value) : 'dist', spa: true }
}

async function stencil(project: Project): Promise<Mode> {
  const { config } = project
  for (const target of config?.items('config.outputTargets') ?? []) {
    const type = config!.setting('type', target)
    if (type.state !== 'known' || type.value !== 'www') continue
    const set = config!.path('dir', target)
    if (set.state === 'computed') return noOutput(config!.file, 'outputTargets.dir')
    project.see(config!.file, 'outputTargets.type', 'www')
    return { kind: 'static', output: set.state === 'known' ? String(set.value) : 'www' }
  }
  // Without a page among its targets it is a library of components.
  return config !== null && config.items('config.outputTargets').length > 0
    ? { kind: 'other' }
    : { kind: 'static', output: 'www' }
}

async function polymer(project: Project): Promise<Mode> {
  const builds = (await json(project, 'polymer.json')).builds
  const first = Array.isArray(builds) ? object(builds[0]) : {}
  const name = first.name ?? first.preset
  if (typeof name === 'string') project.see('polymer.json', 'builds', name)
  return { kind: 'static', output: posix.join('build', typeof name === 'string' ? name : 'default'), spa: true }
}

/** The one page of a bundle that a script of esbuild or rollup writes beside it. */
async function beside(project: Project, programs: readonly string[]): Promise<Mode> {
  const directory = flagOf(project, programs, ['--outdir', '--dir', '-d'])
  const file = directory === undefined ? flagOf(project, programs, ['--outfile', '--file', '-o']) : undefined
  const written = directory ?? (file === undefined ? directoryOf(project, 'output.dir') : posix.dirname(file))
  const inConfig = project.config?.path('output.file') ?? { state: 'absent' }
  let folder = written ?? (inConfig.state === 'known' ? posix.dirname(String(inConfig.value)) : 'public')
  for (; folder !== '.' && folder !== ''; folder = posix.dirname(folder))
    if (await project.has(posix.join(folder, 'index.html'))) {
      project.see(posix.join(folder, 'index.html'), 'index.html')
      return { kind: 'static', output: folder }
    }
  return written ? page(project, written) : { kind: 'other' }
}

export const bundlers: readonly Framework[] = [
  {
    name: 'umi',
    packages: ['umi', '@umijs/max'],
    programs: ['umi', 'max'],
    configs: ['.umirc'],
    files: ['config/config.ts', 'config/config.js'],
    build: ['umi', 'build'],
    output: 'dist',
    servers: ['umi', 'max'],
    mode: umi,
  },
  {
    name: 'stencil',
    packages: ['@stencil/core'],
    programs: ['stencil'],
    configs: ['stencil.config'],
    build: ['stencil', 'build'],
    output: 'www',
    servers: ['stencil'],
    mode: stencil,
  },
  {
    name: 'polymer',
    packages: ['polymer-cli'],
    programs: ['polymer'],
    configs: ['polymer'],
    build: ['polymer', 'build'],
    output: 'build/default',
    servers: ['polymer'],
    mode: polymer,
  },
  {
    name: 'rsbuild',
    packages: ['@rsbuild/core'],
    programs: ['rsbuild'],
    configs: ['rsbuild.config'],
    build: ['rsbuild', 'build'],
    output: 'dist',
    servers: ['rsbuild'],
    router: true,
    mode: (project) => {
      const output = rsbuildOutput(project.config, project)
      return output === null ? noOutput(project.config!.file, 'output.distPath') : { kind: 'static', output }
    },
  },
  {
    name: 'parcel',
    packages: ['parcel', 'parcel-bundler'],
    programs: ['parcel'],
    build: ['parcel', 'build', 'index.html'],
    output: 'dist',
    servers: ['parcel'],
    router: true,
    mode: parcel,
  },
  {
    name: 'rspack',
    packages: ['@rspack/cli', '@rspack/core'],
    programs: ['rspack'],
    configs: ['rspack.config'],
    build: ['rspack', 'build'],
    output: 'dist',
    servers: ['rspack'],
    router: true,
    mode: async (project) => {
      const html = project.config?.calls('plugins').some((one) => one.name === 'HtmlRspackPlugin') === true
      const mode = await webpack(project)
      if (mode.kind !== 'other' || !html) return mode
      return { kind: 'static', output: directoryOf(project, 'output.path') ?? 'dist' }
    },
  },
  {
    name: 'webpack',
    packages: ['webpack'],
    programs: ['webpack', 'webpack-cli'],
    configs: ['webpack.config'],
    build: ['webpack', '--mode', 'production'],
    output: 'dist',
    servers: ['webpack', 'webpack-dev-server'],
    router: true,
    mode: webpack,
  },
  {
    name: 'svelte',
    packages: ['svelte'],
    programs: ['rollup'],
    configs: ['rollup.config'],
    build: ['rollup', '-c'],
    output: 'public',
    // The template's own start is a server of files for looking at what was built.
    servers: ['sirv', 'rollup'],
    router: true,
    mode: (project) => beside(project, ['rollup']),
  },
  {
    name: 'rollup',
    packages: ['rollup'],
    programs: ['rollup'],
    configs: ['rollup.config'],
    build: ['rollup', '-c'],
    output: 'public',
    servers: ['rollup'],
    router: true,
    mode: (project) => beside(project, ['rollup']),
  },
  {
    name: 'esbuild',
    packages: ['esbuild'],
    programs: ['esbuild'],
    build: ['esbuild'],
    output: 'public',
    servers: ['esbuild'],
    router: true,
    mode: (project) => beside(project, ['esbuild']),
  },
  {
    name: 'storybook',
    packages: ['storybook', '@storybook/react', '@storybook/vue3', '@storybook/html', '@storybook/cli'],
    programs: ['storybook', 'build-storybook'],
    build: ['storybook', 'build'],
    output: 'storybook-static',
    servers: ['storybook', 'start-storybook'],
    mode: (project) => ({
      kind: 'static',
      output: flagOf(project, ['storybook', 'build-storybook'], ['--output-dir', '-o']) ?? 'storybook-static',
    }),
  },
]
