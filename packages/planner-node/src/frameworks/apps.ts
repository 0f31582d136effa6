import { posix } from 'node:path'
import { flagOf, flagValue } from './output.js'
import { undecided, unsupported } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

/** Expo exports its web side. `app.json` alone proves nothing: the package must be there. */
async function expo(project: Project): Promise<Mode> {
  const scripts = Object.values(project.manifest.scripts).join('\n')
  const web =
    project.uses('react-native-web', '@expo/webpack-config') !== undefined ||
    /expo export(?::web|.*(?:-p|--platform)[ =]web)/.test(scripts)
  if (!web)
    return {
      kind: 'blocked',
      reason: unsupported(
        'This Expo application has no web side: it runs on phones.',
        'Add the web side.',
        'npx expo install react-dom react-native-web',
      ),
    }
  const config = await project.configOf('app.json', 'app.config')
  const output = config?.setting('expo.web.output') ?? { state: 'absent' }
  const bundler = config?.setting('expo.web.bundler') ?? { state: 'absent' }
  if (output.state === 'computed') return undecided(project, 'web.output')
  if (output.state === 'known') project.see(config!.file, 'expo.web.output', output.value)
  const old =
    project.build.some((argv) => argv[0] === 'expo' && argv[1] === 'export:web') ||
    (bundler.state === 'known' && bundler.value === 'webpack')
  if (old) return { kind: 'static', output: 'web-build', spa: true, build: { argv: ['expo', 'export:web'] } }
  const directory = flagOf(project, 'expo', ['--output-dir']) ?? 'dist'
  if (output.state === 'known' && output.value === 'server')
    return {
      kind: 'server',
      start: null,
      missing: unsupported(
        'Expo renders on a server here, and no script starts one.',
        "Start the built server, or set web.output to 'static'.",
        '"output": "static"',
      ),
    }
  return { kind: 'static', output: directory, spa: !(output.state === 'known' && output.value === 'static') }
}

async function quasar(project: Project): Promise<Mode> {
  const argv = project.build.find((one) => one[0] === 'quasar' && one[1] === 'build') ?? []
  const mode = flagValue(argv, ['-m', '--mode']) ?? 'spa'
  const set = project.config?.path('build.distDir') ?? { state: 'absent' }
  if (set.state === 'computed') return undecided(project, 'build.distDir')
  const output = set.state === 'known' ? String(set.value) : posix.join('dist', mode)
  if (argv.length > 0) project.see('package.json', 'scripts.build', argv.join(' '))
  if (mode === 'ssr') return { kind: 'server', start: ['node', posix.join(output, 'index.js')], port: 3000 }
  if (mode === 'spa' || mode === 'pwa') return { kind: 'static', output, spa: true }
  return {
    kind: 'blocked',
    reason: unsupported(
      `Quasar builds for ${mode} here, which is no server.`,
      'Build the mode spa, pwa or ssr.',
      'quasar build -m spa',
    ),
  }
}

async function redwood(project: Project): Promise<Mode> {
  const toml = (await project.text('redwood.toml')) ?? (await project.text('cedar.toml')) ?? ''
  const web = /^\[web\]([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(toml)?.[1] ?? ''
  const api = await project.has('api/')
  if (!api) return { kind: 'static', output: 'web/dist', spa: true }
  project.see('redwood.toml', 'sides', 'web, api')
  const port = Number(/^[ \t]*port[ \t]*=[ \t]*["']?(?:\$\{\w+:)?(\d+)/m.exec(web)?.[1] ?? 8910)
  // The server takes its port from redwood.toml, which may take it from the environment.
  const honours = /^[ \t]*port[ \t]*=[ \t]*["']?\$\{PORT\b/m.test(web) || project.major >= 7
  return { kind: 'server', start: ['rw', 'serve'], ...(honours ? { port } : {}) }
}

const waku = (project: Project): Mode => ({
  kind: 'server',
  start: ['waku', 'start'],
  port: project.major === 0 ? 8080 : 3000,
})

export const apps: readonly Framework[] = [
  {
    name: 'redwood',
    packages: ['@redwoodjs/core', '@cedarjs/core'],
    programs: ['rw', 'redwood', 'cedar'],
    files: ['redwood.toml', 'cedar.toml', 'web/', 'api/'],
    build: ['rw', 'build'],
    output: 'web/dist',
    start: ['rw', 'serve'],
    port: 8910,
    mode: redwood,
  },
  {
    name: 'expo',
    packages: ['expo'],
    programs: ['expo'],
    files: ['app.json', 'app.config.js', 'app.config.ts', 'App.js', 'App.tsx', 'app/'],
    build: ['expo', 'export', '-p', 'web'],
    output: 'dist',
    servers: ['expo'],
    mode: expo,
  },
  {
    name: 'quasar',
    packages: ['@quasar/app-vite', '@quasar/app-webpack', '@quasar/app', '@quasar/cli'],
    programs: ['quasar'],
    configs: ['quasar.config', 'quasar.conf'],
    build: ['quasar', 'build'],
    output: 'dist/spa',
    servers: ['quasar'],
    mode: quasar,
  },
  {
    name: 'waku',
    packages: ['waku'],
    programs: ['waku'],
    files: 'dependency',
    build: ['waku', 'build'],
    start: ['waku', 'start'],
    port: 8080,
    servers: ['waku'],
    mode: waku,
  },
  {
    name: 'hydrogen',
    packages: ['@shopify/hydrogen'],
    programs: ['shopify'],
    files: 'dependency',
    build: ['shopify', 'hydrogen', 'build'],
    servers: ['shopify'],
    mode: () => ({ kind: 'server', start: null }),
  },
]
