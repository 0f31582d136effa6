import { minVersion } from 'semver'
import { copied } from './copy.js'
import { nitroMode, nitroPreset } from './nuxt.js'
import { undecided, unsupported } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

/** Is the lowest version that this range takes below the other one? False where that cannot be told. */
function below(range: string, version: string): boolean {
  try {
    const [major = 0, minor = 0] = version.split('.').map(Number)
    const least = minVersion(range)
    return least !== null && (least.major < major || (least.major === major && least.minor < minor))
  } catch {
    return false
  }
}

async function tanstack(project: Project): Promise<Mode> {
  // Until Vite took over, vinxi built with Nitro by app.config.
  const old = project.manifest.dependencies.vinxi ?? project.manifest.devDependencies.vinxi
  if (old !== undefined) {
    project.uses('vinxi')
    return vinxi(project, await project.configOf('app.config'))
  }
  const { config } = project
  const plugin = config?.plugin(/^@tanstack\/(?:react|solid|vue|)-?start/, /^tanstackStart$/)
  const spa = plugin ? config!.setting('spa.enabled', plugin.argument) : { state: 'absent' as const }
  const prerender = plugin ? config!.setting('prerender.enabled', plugin.argument) : { state: 'absent' as const }
  if (spa.state === 'computed') return undecided(project, 'spa.enabled')
  const nitro = config?.plugin(
    /^nitro\/vite$|^@tanstack\/nitro-v2-vite-plugin$|^nitropack|^nitro$/,
    /^nitro(?:V2Plugin)?$/,
  )
  // For a while Nitro came along by itself.
  const bundled = below(project.version, '1.132.0') && !below(project.version, '1.121.0')
  const host = config?.plugin(/^@cloudflare\/vite-plugin|^@netlify\/vite-plugin/)
  if (host)
    return {
      kind: 'server',
      start: null,
      missing: unsupported(
        `${host.from} builds for another host than this one.`,
        'Use the plugin nitro/vite instead.',
        "import { nitro } from 'nitro/vite'",
      ),
    }
  const client = nitro || bundled ? '.output/public' : 'dist/client'
  if (spa.state === 'known' && spa.value === true) {
    project.see(config!.file, 'spa.enabled', true)
    const path = config!.setting('spa.prerender.outputPath', plugin!.argument)
    const shell = `${path.state === 'known' ? String(path.value).replace(/^\/|\.html$|\/$/g, '') || 'index' : '_shell'}.html`
    return {
      kind: 'static',
      output: client,
      spa: true,
      // The page for every path has a name of its own.
      ...(shell === 'index.html' ? {} : { package: copied(`${client}/${shell}`, `${client}/index.html`) }),
    }
  }
  if (nitro || bundled) {
    if (nitro) project.see(config!.file, 'plugins', nitro.from)
    const preset = nitro ? config!.setting('preset', nitro.argument) : { state: 'absent' as const }
    const inner = nitro ? config!.setting('config.preset', nitro.argument) : { state: 'absent' as const }
    const target = plugin ? config!.setting('target', plugin.argument) : { state: 'absent' as const }
    const set = [preset, inner, target].find((one) => one.state !== 'absent')
    const named =
      set === undefined ? nitroPreset(project, 'nitro.preset') : set.state === 'known' ? String(set.value) : null
    return nitroMode(project, named?.replaceAll('_', '-') ?? named)
  }
  if (prerender.state === 'known' && prerender.value === true && project.manifest.scripts.start === undefined) {
    project.see(config!.file, 'prerender.enabled', true)
    return { kind: 'static', output: client }
  }
  if (project.uses('srvx') !== undefined)
    return { kind: 'server', start: ['srvx', '--prod', '-s', '../client', 'dist/server/server.js'], port: 3000 }
  return {
    kind: 'server',
    start: null,
    missing: unsupported(
      'TanStack Start builds a handler here, and no script starts a server around it.',
      'Add the plugin nitro/vite, or srvx with a start script.',
      'srvx --prod -s ../client dist/server/server.js',
    ),
  }
}

function vinxi(project: Project, config: Project['config']): Mode {
  if (config === null) return { kind: 'server', start: ['node', '.output/server/index.mjs'], port: 3000 }
  const set = project.setting('server.preset', config)
  return nitroMode(
    project,
    set.state === 'known'
      ? String(set.value).replaceAll('_', '-')
      : set.state === 'computed'
        ? null
        : nitroPreset(project),
  )
}

/** Before version 1 an adapter of its own said what is built. */
function oldSolid(project: Project): Mode {
  if (project.uses('solid-start-static') !== undefined) return { kind: 'static', output: 'dist/public' }
  const start = project.uses('solid-start-node') === undefined ? null : ['solid-start', 'start']
  const build = { scripts: ['build'], argv: ['solid-start', 'build'] }
  return start
    ? { kind: 'server', start, port: 3000, build }
    : {
        kind: 'server',
        start,
        build,
        missing: unsupported('SolidStart has no adapter for Node here.', 'Add it.', 'npm install solid-start-node'),
      }
}

async function solid(project: Project): Promise<Mode> {
  if (
    project.major === 0 &&
    (project.manifest.dependencies['solid-start'] ?? project.manifest.devDependencies['solid-start']) !== undefined
  )
    return oldSolid(project)
  const app = await project.configOf('app.config')
  const ssr = app?.setting('ssr') ?? { state: 'absent' }
  const mode = vinxi(project, app)
  if (mode.kind === 'static' && ssr.state === 'known' && ssr.value === false) return { ...mode, spa: true }
  return mode
}

export const startFamily: readonly Framework[] = [
  {
    name: 'tanstack-start',
    packages: ['@tanstack/react-start', '@tanstack/solid-start', '@tanstack/start', '@tanstack/vue-start'],
    configs: ['vite.config'],
    files: 'dependency',
    build: ['vite', 'build'],
    output: '.output',
    start: ['node', '.output/server/index.mjs'],
    port: 3000,
    servers: ['vite', 'vinxi'],
    mode: tanstack,
  },
  {
    name: 'solid-start',
    packages: ['@solidjs/start', 'solid-start'],
    programs: ['vinxi', 'solid-start'],
    configs: ['app.config'],
    files: 'dependency',
    build: ['vinxi', 'build'],
    output: '.output',
    start: ['node', '.output/server/index.mjs'],
    port: 3000,
    servers: ['vinxi', 'vite', 'solid-start'],
    mode: solid,
  },
]
