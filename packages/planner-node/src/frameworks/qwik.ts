import { own } from '../sources/own.js'
import { blocked, unsupported } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

const servers: Record<string, string[]> = {
  express: ['node', 'server/entry.express'],
  fastify: ['node', 'server/entry.fastify'],
  'node-server': ['node', 'server/entry.node-server'],
  bun: ['bun', 'server/entry.bun.js'],
  deno: ['deno', 'run', '--allow-net', '--allow-read', '--allow-env', 'server/entry.deno.js'],
}

/** The adapter is a folder with a configuration of its own, which the script `build.server` names. */
async function mode(project: Project): Promise<Mode> {
  const files = [
    ...(await project.glob('adapters/*/vite.config.*')),
    ...(await project.glob('adaptors/*/vite.config.*')),
  ]
  const all = [...new Set(files.map((file) => file.split('/')[1]!))].sort()
  const line = project.manifest.scripts['build.server'] ?? ''
  const named = all.filter((name) => line.includes(`/${name}/`))
  const [adapter] = named.length > 0 ? named : all
  if (adapter === undefined)
    return {
      kind: 'server',
      start: null,
      missing: unsupported(
        'Qwik City has no adapter here: only what browsers load is built.',
        'Add an adapter.',
        'npm run qwik add express',
      ),
    }
  if (named.length > 1 || (named.length === 0 && all.length > 1))
    return blocked(`Qwik City has several adapters here: ${all.join(', ')}.`, 'Name one in the script build.server.')
  project.see(files.find((file) => file.includes(`/${adapter}/`))!, 'adapter', adapter)
  if (adapter === 'static' || adapter === 'static-site') return { kind: 'static', output: 'dist' }
  const start = own(servers, adapter)
  if (start === undefined)
    return blocked(
      `The adapter ${adapter} of Qwik City builds for another host than this one.`,
      'Add one for Node.',
      'npm run qwik add express',
    )
  return { kind: 'server', start, port: 3000 }
}

export const qwik: Framework = {
  name: 'qwik',
  packages: ['@builder.io/qwik-city', '@qwik.dev/router'],
  programs: ['qwik'],
  configs: ['vite.config'],
  files: 'dependency',
  build: ['qwik', 'build'],
  output: 'dist',
  port: 3000,
  servers: ['vite', 'qwik'],
  mode,
}
