import { posix } from 'node:path'
import type { Config } from '../reader/config.js'
import { nitroMode, nitroPreset } from './nuxt.js'
import { argumentOf, flagOf, flagValue } from './output.js'
import { noOutput, unsupported } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

const backends =
  /^laravel-vite-plugin|^vite-plugin-(?:ruby|rails|symfony|craft|django)|^@adonisjs\/vite|^vite-plugin-django/
const workers =
  /^@cloudflare\/vite-plugin|^@netlify\/vite-plugin|^@hono\/vite-build\/(?:cloudflare|deno|netlify|vercel|aws)/

const needsServer = (message: string): Mode => ({
  kind: 'server',
  start: null,
  missing: unsupported(message, 'Add a start script that runs the built server in production.', 'node server.js'),
})

async function mode(project: Project): Promise<Mode> {
  const file = project.build
    .map((argv) => (argv[0] === 'vite' ? flagValue(argv, ['-c', '--config']) : undefined))
    .find(Boolean)
  const config = (file === undefined ? null : await project.configOf(posix.normalize(file))) ?? project.config
  const plugins = config?.calls('plugins') ?? []
  const from = (pattern: RegExp) => plugins.find((one) => pattern.test(one.from))
  const nitro = from(/^nitro\/vite$|^@solidjs\/vite-plugin-nitro/)
  if (nitro) return nitroMode(project, nitroPreset(project))
  const foreign = from(workers)
  if (foreign) return needsServer(`${foreign.from} builds for another host than this one.`)
  const hono = from(/^@hono\/vite-build\/(?:node|bun)$/)
  if (hono) {
    project.see(config!.file, 'plugins', hono.from)
    return { kind: 'server', start: [hono.from.endsWith('bun') ? 'bun' : 'node', './dist/index.js'] }
  }
  const ssr = project.build.find((argv) => argv[0] === 'vite' && argv.some((word) => /^--ssr\b/.test(word)))
  if (ssr) {
    project.see('package.json', 'scripts.build', ssr.join(' '))
    return needsServer('Vite builds a server beside the page here, and no script starts it.')
  }
  return page(
    project,
    config,
    from(backends)?.from ??
      Object.keys({ ...project.manifest.dependencies, ...project.manifest.devDependencies }).find((name) =>
        backends.test(name),
      ),
  )
}

/** What a browser loads is all that is built. */
async function page(project: Project, config: Config | null, backend: string | undefined): Promise<Mode> {
  const rootFlag = project.build
    .map((argv) => (argv[0] === 'vite' ? flagValue(argv, ['--root', '-r']) : undefined))
    .find(Boolean)
  const argument = argumentOf(project, 'vite', 'build')
  const rootSet = config?.path('root') ?? { state: 'absent' }
  const given = rootFlag ?? argument
  if (given === undefined && rootSet.state === 'computed') return noOutput(config!.file, 'root')
  const root = given ?? (rootSet.state === 'known' ? String(rootSet.value) : '.')
  if (root !== '.') project.see(given === undefined ? config!.file : 'package.json', 'root', root)
  if (backend !== undefined && !(await project.has(posix.join(root, 'index.html')))) {
    project.see('package.json', `dependencies.${backend}`)
    return needsServer(`${backend}: Vite builds the assets of pages here that another program renders.`)
  }
  if (backend === undefined && config !== null && config.at('build.lib').type !== 'literal') return { kind: 'other' }
  const flag = flagOf(project, 'vite', ['--outDir'])
  if (flag !== undefined) return { kind: 'static', output: posix.join(root, flag) }
  const set = config?.path('build.outDir') ?? { state: 'absent' }
  if (set.state === 'computed') return noOutput(config!.file, 'build.outDir')
  if (set.state === 'absent') return { kind: 'static', output: posix.join(root, 'dist') }
  const written = String(set.state === 'known' ? set.value : 'dist')
  project.see(config!.file, 'build.outDir', written)
  // What is resolved from the configuration's own directory does not start at Vite's root.
  const own = config!.setting('build.outDir')
  const resolved = own.state === 'known' && String(own.value).startsWith('/')
  return { kind: 'static', output: posix.join(resolved ? '.' : root, written) }
}

export const vite: Framework = {
  name: 'vite',
  packages: ['vite', 'rolldown-vite', 'vite-plus'],
  programs: ['vite', 'vite-ssg', 'vite-react-ssg', 'vp'],
  configs: ['vite.config'],
  files: ['index.html'],
  build: ['vite', 'build'],
  output: 'dist',
  servers: ['vite', 'refine'],
  router: true,
  mode,
}

/** Vike renders with Vite, on a server of the application's own or once for all. */
async function vikeMode(project: Project): Promise<Mode> {
  const plugin = project.config?.plugin(/^vike\/plugin$|^vite-plugin-ssr\/plugin$/)
  const inVite = plugin ? project.config!.at('prerender', plugin.argument) : undefined
  const files = await project.glob('{pages,renderer,src/pages,src/renderer}/+config.*')
  for (const file of files.sort()) {
    const config = await project.configOf(file.replace(/\.\w+$/, ''))
    const value = config?.at('prerender')
    if (value && !(value.type === 'literal' && !value.value)) {
      project.see(file, 'prerender', true)
      return { kind: 'static', output: 'dist/client' }
    }
  }
  if (inVite && !(inVite.type === 'literal' && !inVite.value)) {
    project.see(project.config!.file, 'prerender', true)
    return { kind: 'static', output: 'dist/client' }
  }
  if (project.uses('vike-server', 'vike-photon', '@vikejs/photon') !== undefined)
    return { kind: 'server', start: ['node', './dist/server/index.mjs'], port: 3000 }
  return needsServer('Vike renders on a server here, and no script starts one.')
}

export const vike: Framework = {
  name: 'vike',
  packages: ['vike', 'vite-plugin-ssr'],
  programs: ['vike'],
  configs: ['vite.config'],
  files: 'dependency',
  build: ['vike', 'build'],
  output: 'dist/client',
  servers: ['vite', 'vike'],
  mode: vikeMode,
}
