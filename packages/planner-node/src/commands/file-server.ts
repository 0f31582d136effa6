import { posix } from 'node:path'
import type { PlannerContext } from '@appaloft/core/spec'
import { dependencyVersion, type Manifest } from '../sources/manifest.js'
import { own } from '../sources/own.js'
import { flagValue, programs } from './scripts.js'

const servers = [
  'serve',
  'http-server',
  'sirv',
  'serve-handler',
  'static-server',
  'live-server',
  'lite-server',
  'servor',
]
const packages: Record<string, string> = { sirv: 'sirv-cli' }

export interface FileServer {
  directory: string
  /** Answers unknown paths with index.html. */
  spa: boolean
  /** It comes with the application and listens where PORT says: it can run as it is. */
  runs: boolean
}

/** A line that only serves files: what it serves, and how. */
export function fileServer(line: string, manifest: Manifest): FileServer | null {
  const argvs = programs(line, manifest)
  const argv = argvs.find(([program]) => servers.includes(program!))
  if (argv === undefined || argvs.length > 1) return null
  const [program = '', ...rest] = argv
  const name = own(packages, program) ?? program
  const fixed = /^\d+$/.test(flagValue(rest.join(' ').replace(/^/, 'x '), ['-p', '--port', '-l', '--listen']) ?? '')
  const development = program === 'live-server' || program === 'lite-server'
  let directory = '.'
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!
    if (['-p', '--port', '-l', '--listen', '-a', '-c', '--config', '--host', '-H'].includes(word)) i += 1
    else if (!word.startsWith('-')) {
      directory = posix.normalize(word).replace(/(?<=.)\/$/, '')
      break
    }
  }
  return {
    directory,
    spa: rest.some((word) => ['-s', '--single', '--spa'].includes(word)),
    runs: !fixed && !development && dependencyVersion(manifest, name) !== undefined,
  }
}

const writers = [
  'gulp',
  'grunt',
  'webpack',
  'rollup',
  'esbuild',
  'parcel',
  'vite',
  'broccoli',
  'metalsmith',
  'snowpack',
  'wmr',
]

/** The folder of a page that is there as it is, beside a package.json that starts nothing. */
export async function plainPage(
  context: PlannerContext,
  manifest: Manifest,
): Promise<{ directory: string; file: string } | null> {
  const build = programs(manifest.scripts.build ?? '', manifest)
  if (build.some(([program]) => writers.includes(program!))) return null
  const served = fileServer(manifest.scripts.start ?? manifest.scripts.serve ?? manifest.scripts.dev ?? '', manifest)
  for (const directory of [...(served ? [served.directory] : []), '.', 'public', 'dist', 'www', 'site', 'docs']) {
    const file = posix.join(directory, 'index.html')
    if (await context.tree.has(file)) return { directory, file }
  }
  return null
}
