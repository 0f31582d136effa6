import { posix } from 'node:path'
import { type Command, type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { isOutput, modules, opensServer, sourceOf } from '../port.js'
import { dependencyVersion, fact, type Manifest, shown } from '../sources/manifest.js'
import { isDevelopment } from './development.js'
import { entryOf, expanded, flagValue, isDispatch, programs } from './scripts.js'

export interface Start {
  command: Command
  /** What it comes to. */
  line: string
  signal: string
  script?: string
}

/** A production start: the Procfile's web process, else a start script that is no development server. */
export async function findStart(
  context: PlannerContext,
  manifest: Manifest,
  program: string,
  evidence: Evidence[],
  warnings: Reason[],
): Promise<Start | null> {
  const procfile = await context.tree.readText('Procfile')
  const processes = [...(procfile ?? '').matchAll(/^([\w-]+):[ \t]*(.+?)[ \t]*\r?$/gm)]
  const web = processes.find((one) => one[1] === 'web')?.[2]
  if (web !== undefined) {
    const others = processes.map((one) => one[1]!).filter((name) => name !== 'web')
    evidence.push(fact(context, 'file', 'Procfile', 'web', shown(web)))
    if (others.length > 0)
      warnings.push(
        reason('other-processes', {
          message: `The Procfile also names ${others.join(', ')}: only web is started.`,
          evidence: [fact(context, 'file', 'Procfile', others.join(', '))],
        }),
      )
    return { command: web, line: expanded(web, manifest), signal: 'Procfile' }
  }
  let spare: Start | null = null
  for (const name of ['start', 'start:prod', 'start:production', 'start-prod', 'prod', 'production']) {
    const script = manifest.scripts[name]
    if (script === undefined || script.trim() === '') continue
    const line = expanded(script, manifest)
    // What starts the packages of a workspace is no start of this one: each of them is looked at by itself.
    if (isDispatch(line)) continue
    const seen = fact(context, 'script', 'package.json', `scripts.${name}`, shown(script))
    evidence.push(seen)
    const found = withoutPort(script, `scripts.${name}`) ?? {
      ...{ command: [program, 'run', name], line, signal: `scripts.${name}`, script: name },
    }
    if (await isNothing(context, manifest, line)) continue
    if (isDevelopment(line, manifest)) warnings.push(reason('development-start', { evidence: [seen] }))
    // A start of the sources gives way to one of what is built from them.
    else if (name === 'start' && compiles(line, manifest)) spare = found
    else return found
  }
  return spare
}

/** One call of node or bun with assignments before it, in characters that mean nothing to a shell. */
const plain = /^\s*(?:cross-env\s+)?((?:[A-Za-z_]\w*=[\w@%+:,./-]*\s+)+)((?:node|bun)(?:\s+[\w@%+=:,./-]+)+)\s*$/

/** A start that sets PORT itself, without that: who sets PORT decides where it listens. */
function withoutPort(script: string, signal: string): Start | null {
  const [, before = '', call = ''] = plain.exec(script) ?? []
  const assigned = before.trim().split(/\s+/)
  const rest = assigned.filter((one) => !/^PORT=\d+$/.test(one))
  // What else is set may be a secret, which is shown nowhere.
  if (rest.length === assigned.length || !rest.every((one) => /^(?:NODE_ENV|HOST|TZ|LOG_LEVEL)=/.test(one))) return null
  const words = call.trim().split(/\s+/)
  return { command: rest.length === 0 ? words : ['env', ...rest, ...words], line: words.join(' '), signal }
}

/** Scripts that may write what is started. */
const writers =
  /^(?:pre|post)?(?:start|install|prepare|build|compile|heroku-postbuild|tsc|bundle)|^(?:build|compile|bundle)/

/** Is all that the line starts a file that is not there, and that nothing writes? */
async function isNothing(context: PlannerContext, manifest: Manifest, line: string): Promise<boolean> {
  const entry = /^\s*(?:[A-Za-z_]\w*=\S+\s+)*(?:cross-env\s+\S+=\S+\s+)*node\s+([\w./-]+\.[mc]?js)\s*$/.exec(line)?.[1]
  if (entry === undefined || isOutput(entry) || entry.startsWith('..')) return false
  if (Object.keys(manifest.scripts).some((name) => name !== 'start' && writers.test(name))) return false
  return (await sourceOf(context, entry)) === null
}

const compiles = (line: string, manifest: Manifest): boolean =>
  programs(line, manifest).some(([program]) =>
    ['ts-node', 'tsx', 'ts-node-esm', 'babel-node', 'esno'].includes(program!),
  )

const files = [
  ...['server.js', 'server.mjs', 'server.cjs', 'index.js', 'index.mjs', 'app.js', 'app.mjs', 'main.js'],
  ...['src/server.js', 'src/index.js', 'src/app.js', 'src/main.js', 'src/index.mjs', 'server/index.js', 'bin/www'],
]
const typed = [
  ...['src/index.ts', 'src/server.ts', 'src/main.ts', 'src/app.ts', 'index.ts', 'server.ts', 'app.ts', 'main.ts'],
  ...['src/index.tsx', 'server/index.ts'],
]

interface Entry {
  command: string[]
  evidence: Evidence
}

/** A file that opens a server, where no script starts one. */
export async function serverEntry(
  context: PlannerContext,
  manifest: Manifest,
  depends: boolean,
): Promise<Entry | null> {
  const started = entryOf(manifest.scripts.start ?? '', { development: true })
  const seen = new Set<string>()
  for (const name of [manifest.main, started, ...files]) {
    if (name === undefined || seen.has(name) || /\.(?:ts|tsx|json)$/.test(name)) continue
    seen.add(name)
    const here = await context.tree.has(posix.normalize(name))
    // What a file is compiled from is only asked where one is named.
    const source = here ? posix.normalize(name) : files.includes(name) ? null : await sourceOf(context, name)
    if (source === null) continue
    if (!here && (manifest.scripts.build === undefined || !isOutput(name))) continue
    const named = name === manifest.main
    // What a script starts again after each change is started once in production.
    const known = name === started || /^server\.[mc]?js$/.test(name)
    if (!known && !(await opens(context, source, depends && named))) continue
    const where = named
      ? { kind: 'config', file: 'package.json', signal: 'main' }
      : { kind: 'file', file: name, signal: name }
    return { command: ['node', name], evidence: fact(context, where.kind, where.file, where.signal, name) }
  }
  return typedEntry(context, manifest, depends, started)
}

async function opens(context: PlannerContext, source: string, depends: boolean): Promise<boolean> {
  const all = await modules(context, source)
  if (all.some((one) => opensServer(one.list))) return true
  // An application is exported to what opens the server for it.
  return depends && all[0]?.list.some((word) => word.value === 'listen') === true
}

/** TypeScript is run by bun or tsx where they are there, else from where the build script compiles it to. */
async function typedEntry(
  context: PlannerContext,
  manifest: Manifest,
  depends: boolean,
  started: string | undefined,
): Promise<Entry | null> {
  const bun = await runsOnBun(context, manifest)
  for (const file of [started, manifest.main, ...typed]) {
    if (file === undefined || !/\.tsx?$/.test(file) || !(await context.tree.has(posix.normalize(file)))) continue
    const all = await modules(context, file)
    const serves =
      bun &&
      depends &&
      all[0]?.list.some((word, at) => word.value === 'export' && all[0]!.list[at + 1]?.value === 'default')
    if (!all.some((one) => opensServer(one.list)) && !serves) continue
    const evidence = fact(context, 'file', file, file)
    if (bun) return { command: ['bun', file], evidence }
    const output = await compiledTo(context, manifest, file)
    if (output !== null) return { command: ['node', output], evidence }
    const runner = ['tsx', 'ts-node'].find((name) => dependencyVersion(manifest, name) !== undefined)
    if (runner !== undefined) return { command: ['npx', '--no-install', runner, file], evidence }
  }
  return null
}

export async function runsOnBun(context: PlannerContext, manifest: Manifest): Promise<boolean> {
  if (['@types/bun', 'bun-types', 'elysia'].some((name) => dependencyVersion(manifest, name) !== undefined)) return true
  return (
    (await context.tree.has('bun.lock')) ||
    (await context.tree.has('bun.lockb')) ||
    (await context.tree.has('bunfig.toml'))
  )
}

/** Where `tsc` or tsup of the build script puts a file. */
async function compiledTo(context: PlannerContext, manifest: Manifest, file: string): Promise<string | null> {
  const argvs = programs(manifest.scripts.build ?? '', manifest)
  const compiler = argvs
    .map(([program]) => program)
    .find((program) => ['tsc', 'tsup', 'tsdown', 'swc'].includes(program!))
  if (compiler === undefined) return null
  const text = (await context.tree.readText('tsconfig.json')) ?? ''
  const flag = flagValue(manifest.scripts.build ?? '', ['--outDir', '--out-dir', '-d'])
  const out =
    flag ??
    (compiler === 'tsc' ? /"outDir"\s*:\s*"([^"]+)"/.exec(text)?.[1] : 'dist') ??
    (compiler === 'tsc' ? '.' : 'dist')
  const root = /"rootDir"\s*:\s*"([^"]+)"/.exec(text)?.[1] ?? (file.startsWith('src/') ? 'src' : '.')
  const inside = posix.relative(posix.normalize(root), posix.normalize(file)).replace(/\.tsx?$/, '.js')
  return inside.startsWith('..') ? null : posix.join(out, inside)
}
