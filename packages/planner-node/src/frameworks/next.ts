import { posix } from 'node:path'
import { copied } from './copy.js'
import { blocked, noOutput, undecided } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

const lockfiles = ['package-lock.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb']

async function mode(project: Project): Promise<Mode> {
  const { config } = project
  const output = project.setting('output')
  const dist = config?.path('distDir') ?? { state: 'absent' }
  if (dist.state === 'computed') return noOutput(config!.file, 'distDir')
  if (dist.state === 'known') project.see(config!.file, 'distDir', dist.value)
  const directory = dist.state === 'known' ? String(dist.value) : '.next'
  // Before version 13.3 a program exported what was built.
  const exporting = project.build.find((argv) => argv[0] === 'next' && argv[1] === 'export')
  if (exporting) {
    const at = exporting.findIndex((word) => word === '-o' || word === '--outdir')
    project.see('package.json', 'scripts.build', exporting.join(' '))
    return { kind: 'static', output: posix.normalize(exporting[at + 1] && at > 0 ? exporting[at + 1]! : 'out') }
  }
  if (output.state === 'computed') return undecided(project, 'output')
  if (output.state === 'known' && output.value === 'export')
    return { kind: 'static', output: dist.state === 'known' ? directory : 'out' }
  if (output.state === 'known' && output.value === 'standalone') return standalone(project, directory)
  return { kind: 'server', start: ['next', 'start'], port: 3000 }
}

/** The standalone server knows neither public/ nor what browsers load: both are put beside it. */
async function standalone(project: Project, directory: string): Promise<Mode> {
  const root = await tracingRoot(project)
  if (root === null) return undecided(project, 'outputFileTracingRoot')
  const folder = posix.join(directory, 'standalone', root)
  const server = posix.join(folder, 'server.js')
  const pairs = [posix.join(directory, 'static'), posix.join(folder, directory, 'static')]
  if (await project.has('public/')) pairs.push('public', posix.join(folder, 'public'))
  const done = Object.values(project.manifest.scripts).some(
    (line) => /standalone/.test(line) && /\b(?:cp|copy|cpx|cpy|rsync|ncp|mv|copyfiles|shx)\b/.test(line),
  )
  return {
    kind: 'server',
    start: ['node', server],
    // It does not serve what a standalone build is for.
    instead: /(?:^|[\s/])next start(?:\s|$)/,
    port: 3000,
    ...(done ? {} : { package: copied(...pairs) }),
  }
}

/** Where the application lies below the root that its files are traced from; null where that is computed. */
async function tracingRoot(project: Project): Promise<string | null> {
  const { config, baseDirectory } = project
  for (const path of ['outputFileTracingRoot', 'experimental.outputFileTracingRoot', 'turbopack.root']) {
    const set = config?.path(path) ?? { state: 'absent' as const }
    if (set.state === 'computed') return null
    if (set.state !== 'known') continue
    project.see(config!.file, path, String(set.value))
    const inside = posix.relative(posix.join('/', baseDirectory, String(set.value)), posix.join('/', baseDirectory))
    return inside === '' ? '.' : inside
  }
  // Without the setting it is the outermost directory that has a lockfile.
  const parts = baseDirectory === '.' ? [] : baseDirectory.split('/')
  for (let depth = 0; depth < parts.length; depth++) {
    const above = parts.slice(0, depth).join('/')
    for (const file of lockfiles)
      if (await project.rootHas(posix.join(above, file))) return parts.slice(depth).join('/')
  }
  return '.'
}

const blitzOld = (project: Project): Mode =>
  project.major === 0 && project.build.length === 0
    ? blocked('Blitz before version 1 has no production start of its own here.', 'Update blitz to version 2.')
    : { kind: 'server', start: ['blitz', 'start'], port: 3000 }

export const nextFamily: readonly Framework[] = [
  {
    name: 'blitz',
    packages: ['blitz'],
    programs: ['blitz'],
    configs: ['blitz.config', 'next.config'],
    build: ['blitz', 'build'],
    output: '.next',
    start: ['blitz', 'start'],
    port: 3000,
    servers: ['blitz'],
    mode: blitzOld,
  },
  {
    name: 'next',
    packages: ['next'],
    programs: ['next'],
    configs: ['next.config'],
    files: ['app/', 'pages/', 'src/app/', 'src/pages/'],
    build: ['next', 'build'],
    output: 'out',
    start: ['next', 'start'],
    port: 3000,
    servers: ['next', 'refine'],
    mode,
  },
]
