import { posix } from 'node:path'
import type { PlannerContext } from '@appaloft/core/spec'
import { limits } from '../options.js'
import { looseJson } from '../sources/loose.js'
import { readManifest } from '../sources/manifest.js'
import { resolveFile } from '../sources/resolve.js'
import { words } from '../sources/text.js'
import { calls } from './scripts.js'

const source = /\.[mc]?[jt]sx?$/
/** Scripts that may write what a start runs. */
const building = /build|compile|bundle|tsc|prepare|postinstall|prestart|^start|prod/
/** Files by which a bundler is told what it builds, and scripts that call one. */
const bundlers =
  /(?:^|\/)(?:tsup|tsdown|rollup|webpack|rspack|esbuild|vite|vite\.server|build|bundle)[\w.-]*\.[mc]?[jt]s$/
const configs = [
  'tsup.config',
  'tsdown.config',
  'rollup.config',
  'webpack.config',
  'esbuild.config',
  'build',
  'esbuild',
]
/** What such a program is handed is a tool that builds. */
const runtimes = /^(?:node|bun|deno|tsx|ts-node|babel-node|esno|jiti)$/
const stem = (path: string): string => posix.basename(path).replace(source, '')
const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
const path = (value: unknown): string | undefined => (typeof value === 'string' ? posix.normalize(value) : undefined)

/**
 * What a start file that is not in the source is compiled from: the input of a bundler that the build scripts or its configuration name,
 * or the file at the same place below the root of a TypeScript project. Null where neither says so. Reads text only.
 */
export async function compiledFrom(context: PlannerContext, entry: string): Promise<string | null> {
  const read = await readManifest(context.tree)
  if (read === null || 'broken' in read) return null
  const lines = Object.entries(read.manifest.scripts).filter(([name]) => building.test(name))
  const argvs = lines.flatMap(([name, line]) => calls(line).map((argv) => ({ argv, starts: /^start|prod/.test(name) })))
  const named = argvs.flatMap(({ argv }) => argv.flatMap((word) => word.split('=')))
  return (await fromBundler(context, entry, argvs)) ?? (await fromTypeScript(context, entry, named))
}

interface Call {
  argv: string[]
  /** It belongs to a script that starts the application. */
  starts: boolean
}

async function fromBundler(context: PlannerContext, entry: string, argvs: Call[]): Promise<string | null> {
  const inputs = new Set<string>()
  const tools = new Set<string>()
  for (const { argv, starts } of argvs.slice(0, limits.patterns)) {
    const runs = runtimes.test(argv[0]!) && argv[1] !== 'build'
    if (runs && starts) continue
    for (const word of argv.slice(1).flatMap((one) => one.split('='))) {
      if (!source.test(word)) continue
      const file = await resolveFile(context, word)
      if (file === null) continue
      if (runs || bundlers.test(file)) tools.add(file)
      else inputs.add(file)
    }
  }
  for (const name of configs) {
    const file = await resolveFile(context, name)
    if (file !== null && source.test(file)) tools.add(file)
  }
  for (const file of tools) {
    const text = await context.tree.readText(file, { maxBytes: limits.sourceBytes })
    for (const word of words(text ?? '').slice(0, 5000)) {
      if (word.type !== 'string' || !/[./]/.test(word.value) || word.value.includes('*')) continue
      const input = await resolveFile(context, word.value)
      if (input !== null && source.test(input) && !tools.has(input)) inputs.add(input)
    }
  }
  const same = [...inputs].filter((file) => stem(file) === stem(entry))
  if (same.length > 0) return same[0]!
  return inputs.size === 1 ? [...inputs][0]! : null
}

async function fromTypeScript(context: PlannerContext, entry: string, named: string[]): Promise<string | null> {
  const projects = new Set(['tsconfig.json', 'tsconfig.build.json', 'tsconfig.server.json'])
  for (const word of named) if (/^[\w./-]*tsconfig[\w.-]*\.json$/.test(word)) projects.add(posix.normalize(word))
  for (const file of [...projects].reverse()) {
    const text = await context.tree.readText(file, { maxBytes: limits.settingsBytes })
    if (text === null) continue
    const project = object(looseJson(text.replace(/^\uFEFF/, '')))
    const options = object(project.compilerOptions)
    const here = posix.dirname(file)
    const output = path(options.outDir)
    const inside =
      output === undefined
        ? ''
        : posix.relative(posix.join(here, output), posix.normalize(entry)).replace(/\.[mc]?js$/, '')
    if (inside === '' || inside.startsWith('..')) continue
    const included = Array.isArray(project.include) ? project.include.map((one) => path(one)?.split(/\/?\*/)[0]) : []
    for (const root of [path(options.rootDir), '.', 'src', ...included]) {
      if (root === undefined || source.test(root)) continue
      const found = await resolveFile(context, posix.join(here, root, inside))
      if (found !== null) return found
    }
  }
  return null
}
