import { posix } from 'node:path'
import type { Config } from '../reader/config.js'
import { blocked, undecided, unsupported } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

/** What a directory of the configuration says, or the usual one; null where it is computed. */
function directoryOf(
  project: Project,
  config: Config | null,
  path: string,
  usual: string,
  from?: Parameters<Config['path']>[1],
): string | null {
  const set = config?.path(path, from) ?? { state: 'absent' }
  if (set.state === 'known') project.see(config!.file, path, set.value)
  return set.state === 'computed' ? null : set.state === 'known' ? String(set.value) : usual
}

const noServer = (name: string, serve: string) =>
  unsupported(
    `${name} renders on a server here, and neither a start script nor ${serve} runs it.`,
    `Add ${serve} and a start script.`,
    `npm install ${serve}`,
  )

async function reactRouter(project: Project): Promise<Mode> {
  const { config } = project
  const build = directoryOf(project, config, 'buildDirectory', 'build')
  if (build === null) return undecided(project, 'buildDirectory')
  const ssr = project.setting('ssr')
  if (ssr.state === 'computed') return undecided(project, 'ssr')
  if (ssr.state === 'known' && ssr.value === false)
    return { kind: 'static', output: posix.join(build, 'client'), spa: true }
  const vite = await project.configOf('vite.config')
  const worker = vite?.plugin(/^@cloudflare\/vite-plugin|^@netlify\/vite-plugin/)
  if (worker) {
    project.see(vite!.file, 'plugins', worker.from)
    return blocked(
      `${worker.from} builds for another host than this one.`,
      'Remove the plugin and run react-router-serve.',
    )
  }
  const file = project.setting('serverBuildFile')
  const entry = posix.join(build, 'server', file.state === 'known' ? String(file.value) : 'index.js')
  return project.uses('@react-router/serve') === undefined
    ? { kind: 'server', start: null, missing: noServer('React Router', '@react-router/serve') }
    : { kind: 'server', start: ['react-router-serve', `./${entry}`], port: 3000 }
}

async function remix(project: Project): Promise<Mode> {
  const vite = await project.configOf('vite.config')
  const plugin = vite?.plugin(/^@remix-run\/dev$/, /^(?:remix|vitePlugin)$/)
  const host = [
    '@remix-run/cloudflare',
    '@remix-run/cloudflare-pages',
    '@remix-run/deno',
    '@remix-run/netlify',
    '@netlify/remix-adapter',
    '@remix-run/vercel',
    '@vercel/remix',
    '@remix-run/architect',
  ].find((name) => project.manifest.dependencies[name] !== undefined)
  const serves =
    project.manifest.dependencies['@remix-run/serve'] ?? project.manifest.devDependencies['@remix-run/serve']
  if (vite && plugin) {
    const build = directoryOf(project, vite, 'buildDirectory', 'build', plugin.argument)
    const ssr = vite.setting('ssr', plugin.argument)
    if (build === null || ssr.state === 'computed') return undecided(project, build === null ? 'buildDirectory' : 'ssr')
    if (ssr.state === 'known' && ssr.value === false) {
      project.see(vite.file, 'ssr', false)
      return { kind: 'static', output: posix.join(build, 'client'), spa: true }
    }
    const file = vite.setting('serverBuildFile', plugin.argument)
    const entry = posix.join(build, 'server', file.state === 'known' ? String(file.value) : 'index.js')
    if (serves) return { kind: 'server', start: ['remix-serve', `./${entry}`], port: 3000 }
  } else if (serves) {
    const set = directoryOf(
      project,
      project.config,
      'serverBuildPath',
      project.major === 1 ? 'build' : 'build/index.js',
    )
    if (set === null) return undecided(project, 'serverBuildPath')
    return {
      kind: 'server',
      start: ['remix-serve', project.major === 1 && set === 'build' ? 'build' : `./${set}`],
      port: 3000,
    }
  }
  if (host !== undefined && !serves) {
    project.uses(host)
    return {
      kind: 'server',
      start: null,
      missing: unsupported(`${host} is for another host than this one.`, 'Use @remix-run/node with @remix-run/serve.'),
    }
  }
  return { kind: 'server', start: null, missing: noServer('Remix', '@remix-run/serve') }
}

export const remixFamily: readonly Framework[] = [
  {
    name: 'react-router',
    packages: ['@react-router/dev'],
    programs: ['react-router'],
    configs: ['react-router.config'],
    files: 'dependency',
    build: ['react-router', 'build'],
    output: 'build/client',
    start: ['react-router-serve', './build/server/index.js'],
    port: 3000,
    servers: ['react-router-serve', 'react-router', 'vite', 'refine'],
    mode: reactRouter,
  },
  {
    name: 'remix',
    packages: ['@remix-run/dev'],
    programs: ['remix'],
    configs: ['remix.config'],
    files: 'dependency',
    build: ['remix', 'build'],
    output: 'build/client',
    start: ['remix-serve', './build/server/index.js'],
    port: 3000,
    servers: ['remix-serve', 'remix', 'vite', 'refine'],
    mode: async (project) => {
      const mode = await remix(project)
      const vite = await project.configOf('vite.config')
      const isVite = vite?.plugin(/^@remix-run\/dev$/, /^(?:remix|vitePlugin)$/) !== undefined
      return isVite && (mode.kind === 'static' || mode.kind === 'server')
        ? { ...mode, ...(project.build.length === 0 ? { build: { argv: ['remix', 'vite:build'] } } : {}) }
        : mode
    },
  },
]
