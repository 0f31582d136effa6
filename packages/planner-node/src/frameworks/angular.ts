import { posix } from 'node:path'
import { reason } from '@appaloft/core/spec'
import { nitroMode } from './nuxt.js'
import { blocked, undecided } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

type Json = Record<string, unknown>
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const given = (value: unknown): boolean => value !== undefined && value !== false && value !== null

interface Workspace {
  name: string
  targets: Json
}

/** JSON with comments, which the command line of Angular takes. */
function parse(source: string): Json {
  const bare = source.replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string?: string) => string ?? '')
  return object(JSON.parse(bare.replace(/,(?=\s*[}\]])/g, '')))
}

/** The applications that can be built. */
function applications(file: Json): Workspace[] {
  return Object.entries(object(file.projects))
    .map(([name, project]) => ({ name, project: object(project) }))
    .filter(({ project }) => project.projectType === undefined || project.projectType === 'application')
    .map(({ name, project }) => ({ name, targets: object(project.architect ?? project.targets) }))
    .filter(({ targets }) => text(object(targets.build).builder) !== undefined)
}

/** The project that the build script names, the default one, the only one. */
function chosen(project: Project, file: Json, all: Workspace[]): Workspace | undefined {
  for (const argv of project.build) {
    if (argv[0] !== 'ng') continue
    const flag = argv.indexOf('--project')
    const word =
      flag > 0
        ? argv[flag + 1]
        : argv[1] === 'run'
          ? argv[2]?.split(':')[0]
          : argv.slice(2).find((one) => !one.startsWith('-') && all.some(({ name }) => name === one))
    const named = all.find(
      ({ name }) => name === word || `--project=${name}` === argv.find((one) => one.startsWith('--project=')),
    )
    if (named) return named
  }
  if (all.length === 1) return all[0]
  return all.find(({ name }) => name === file.defaultProject)
}

/** The options of a target with those of the configuration that a build for production takes. */
function optionsOf(project: Project, target: Json): Json {
  const flag = project.build.flatMap((argv) => (argv[0] === 'ng' ? argv : []))
  const at = flag.findIndex((word) => word === '--configuration' || word === '-c')
  const named = at >= 0 ? flag[at + 1] : flag.map((word) => /^--configuration=(.+)$/.exec(word)?.[1]).find(Boolean)
  const configurations = object(target.configurations)
  let options = { ...object(target.options) }
  for (const name of (named ?? text(target.defaultConfiguration) ?? 'production').split(','))
    options = { ...options, ...object(configurations[name]) }
  return options
}

async function mode(project: Project): Promise<Mode> {
  const source = (await project.text('angular.json')) ?? (await project.text('.angular.json'))
  if (source === null) return blocked('There is no angular.json that says what is built.', 'Add angular.json.')
  let file: Json
  try {
    file = parse(source)
  } catch {
    return blocked('angular.json is not JSON.', 'Mend angular.json.')
  }
  const all = applications(file)
  const app = chosen(project, file, all)
  if (app === undefined) {
    if (all.length === 0) return { kind: 'other' }
    const names = all.map(({ name }) => name)
    return {
      kind: 'blocked',
      reason: reason('missing-artifact-output', {
        message: `angular.json has several applications (${names.join(', ')}), and nothing says which one is meant.`,
        fixPath: [{ action: 'Name one in the build script.', example: `ng build ${names[0]}` }],
        overridePath: [
          {
            action: 'Set the directory that is built.',
            profileField: 'runtime.publishDirectory',
            example: `dist/${names[0]}/browser`,
          },
        ],
      }),
    }
  }
  const target = object(app.targets.build)
  const builder = text(target.builder) ?? ''
  const options = optionsOf(project, target)
  const flag = project.build
    .flatMap((argv) =>
      argv[0] === 'ng'
        ? argv.map((word, at) => (word === '--output-path' ? argv[at + 1] : /^--output-path=(.+)$/.exec(word)?.[1]))
        : [],
    )
    .find(Boolean)
  const path = object(options.outputPath)
  const base = posix
    .normalize(flag ?? text(options.outputPath) ?? text(path.base) ?? `dist/${app.name}`)
    .replace(/(?<=.)\/$/, '')
  project.see('angular.json', `${app.name}.outputPath`, base)
  // The application builder parts what the browser loads from the rest; older builders write it to the directory itself.
  const parted = /:application$/.test(builder)
  const browser = parted ? posix.join(base, typeof path.browser === 'string' ? path.browser : 'browser') : base
  const outputMode = text(options.outputMode)
  if (outputMode !== undefined) project.see('angular.json', `${app.name}.outputMode`, outputMode)
  if (parted) {
    const server = outputMode === 'server' || (outputMode !== 'static' && given(options.ssr))
    if (!server) return { kind: 'static', output: browser }
    project.see('angular.json', `${app.name}.ssr`, true)
    return {
      kind: 'server',
      start: ['node', posix.join(base, typeof path.server === 'string' ? path.server : 'server', 'server.mjs')],
      port: 4000,
    }
  }
  // Before version 17 a second target rendered on a server; the first one alone builds a page.
  const second = object(app.targets.server)
  const universal =
    text(second.builder) !== undefined &&
    Object.keys(project.manifest.scripts).some((name) => /^build:(?:ssr|universal)|^serve:ssr/.test(name))
  if (!universal) return { kind: 'static', output: browser }
  project.see('angular.json', `${app.name}.server`, true)
  const out = text(object(second.options).outputPath) ?? posix.join(posix.dirname(base), 'server')
  const builds = project.build.some((argv) => argv[0] === 'ng' && argv[1] === 'run')
  return {
    kind: 'server',
    start: ['node', posix.join(posix.normalize(out), 'main.js')],
    port: 4000,
    ...(builds ? {} : { build: { scripts: ['build:ssr'], argv: ['ng', 'run', `${app.name}:server:production`] } }),
  }
}

/** Analog builds with Vite and Nitro. */
function analog(project: Project): Mode {
  const plugin = project.config?.plugin(/^@analogjs\/platform$/, /^analog$/)
  const read = (path: string) =>
    plugin ? project.config!.setting(path, plugin.argument) : { state: 'absent' as const }
  const [all, ssr, preset] = [read('static'), read('ssr'), read('nitro.preset')]
  if (all.state === 'computed' || ssr.state === 'computed') return undecided(project, 'static')
  if (all.state === 'known' && all.value === true) {
    project.see(project.config!.file, 'analog.static', true)
    return { kind: 'static', output: 'dist/analog/public' }
  }
  if (ssr.state === 'known' && ssr.value === false) {
    project.see(project.config!.file, 'analog.ssr', false)
    return { kind: 'static', output: 'dist/analog/public', spa: true }
  }
  const mode = nitroMode(
    project,
    preset.state === 'known'
      ? String(preset.value).replaceAll('_', '-')
      : preset.state === 'computed'
        ? null
        : undefined,
    'dist/analog',
  )
  return mode
}

export const angularFamily: readonly Framework[] = [
  {
    name: 'analog',
    packages: ['@analogjs/platform'],
    configs: ['vite.config'],
    files: 'dependency',
    build: ['vite', 'build'],
    output: 'dist/analog/public',
    start: ['node', 'dist/analog/server/index.mjs'],
    port: 3000,
    servers: ['ng', 'vite'],
    mode: analog,
  },
  {
    name: 'scully',
    packages: ['@scullyio/init', '@scullyio/scully'],
    programs: ['scully'],
    files: ['angular.json'],
    build: ['scully'],
    output: 'dist/static',
    servers: ['ng', 'scully'],
    mode: async (project) => {
      const files = (await project.glob('scully.*.config.{ts,js}')).sort()
      const config = files[0] === undefined ? null : await project.configOf(files[0])
      const set = config?.path('config.outDir') ?? { state: 'absent' }
      if (set.state === 'known') project.see(config!.file, 'outDir', set.value)
      return { kind: 'static', output: set.state === 'known' ? String(set.value) : 'dist/static' }
    },
  },
  {
    name: 'ionic-angular',
    packages: ['@ionic/angular'],
    programs: ['ionic'],
    files: ['angular.json'],
    build: ['ng', 'build'],
    output: 'www',
    servers: ['ng', 'ionic'],
    router: true,
    mode,
  },
  {
    name: 'angular',
    packages: ['@angular/core'],
    programs: ['ng'],
    files: ['angular.json', '.angular.json'],
    build: ['ng', 'build'],
    output: 'dist',
    start: ['node', 'dist/app/server/server.mjs'],
    port: 4000,
    servers: ['ng'],
    router: true,
    mode,
  },
]
