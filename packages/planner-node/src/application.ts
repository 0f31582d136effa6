import { posix } from 'node:path'
import {
  type Command,
  type Evidence,
  type PlannedCommand,
  type PlannerContext,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import { angularOutput } from './angular.js'
import { clientRouters, type Found, findFramework, serverPackages } from './frameworks.js'
import { dependencyVersion, fact, type Manifest, shown } from './manifest.js'
import { modeOf } from './modes.js'
import { modules, opensServer, sourceOf } from './port.js'
import { callsProgram, expanded, flagValue, isDevelopment, isDispatch } from './scripts.js'
import { isMark, pathAt, valueOf } from './text.js'

export type Outcome =
  | {
      kind: 'server'
      start: PlannedCommand
      /** What the start comes to, for the search of the port. */
      line: string
      signal: string
      /** The name of the script of package.json that `start` runs. */
      script?: string
    }
  | { kind: 'static'; publishDirectory: string; spaFallback: boolean }
  | { kind: 'blocked'; reason: Reason }
  /** Nothing here is meant to be deployed: a library, a workspace root. */
  | { kind: 'none' }

export interface Application {
  found: Found | null
  /** The framework's name and version as the preview shows them. */
  named?: { name: string; version: string }
  outcome: Outcome
  evidence: Evidence[]
  warnings: Reason[]
}

interface Start {
  command: Command
  line: string
  signal: string
  script?: string
}

const lineOf = (command: Command): string => (typeof command === 'string' ? command : command.join(' '))

/** Decides what the package is and what runs of it. Reads only. */
export async function examine(context: PlannerContext, manifest: Manifest, program = 'npm'): Promise<Application> {
  const { runtime } = context.profiles
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  const found = await findFramework(context.tree, manifest)
  const server = serverPackages.find(([name]) => manifest.dependencies[name] !== undefined)
  if (found)
    evidence.push(fact(context, 'dependency', 'package.json', `dependencies.${found.dependency}`, found.version))
  if (server)
    evidence.push(
      fact(context, 'dependency', 'package.json', `dependencies.${server[0]}`, manifest.dependencies[server[0]]!),
    )
  const base = { found, evidence, warnings }
  const serverName = server ? { name: server[1], version: manifest.dependencies[server[0]]! } : undefined
  const uiName = found ? { name: found.framework.name, version: found.version } : undefined
  const as = (outcome: Outcome, named = uiName ?? serverName): Application => ({
    ...base,
    ...(named === undefined ? {} : { named }),
    outcome,
  })

  if (runtime.startCommand !== undefined && runtime.publishDirectory !== undefined)
    return as({
      kind: 'blocked',
      reason: reason('incompatible-source-strategy', {
        message:
          'Both runtime.startCommand and runtime.publishDirectory are set: an application is started or served, not both.',
        affectedProfileField: 'runtime.publishDirectory',
      }),
    })
  if (runtime.startCommand !== undefined) {
    evidence.push({ kind: 'profile', signal: 'runtime.startCommand' })
    const line = expanded(lineOf(runtime.startCommand), manifest)
    const start: PlannedCommand = { command: runtime.startCommand, from: 'profile' }
    return as({ kind: 'server', start, line, signal: 'runtime.startCommand' }, serverName ?? uiName)
  }
  if (runtime.publishDirectory !== undefined) {
    evidence.push({
      kind: 'profile',
      signal: 'runtime.publishDirectory',
      value: runtime.publishDirectory.slice(0, 200),
    })
    const spaFallback = usesRouter(context, manifest, found, evidence)
    return as({ kind: 'static', publishDirectory: runtime.publishDirectory, spaFallback })
  }

  const started = await findStart(context, manifest, program, evidence, warnings)
  const run = (start: Start): Outcome => ({
    kind: 'server',
    start: { command: start.command, from: 'planner' },
    line: start.line,
    signal: start.signal,
    ...(start.script === undefined ? {} : { script: start.script }),
  })
  if (found) {
    const { framework } = found
    const mode = await modeOf(context, manifest, found, evidence)
    if (mode === 'static' || mode === 'spa' || mode === 'site') {
      if (started && !servesItself(framework.name, started.line)) return as(run(started), serverName ?? uiName)
      const fixed = framework.name === 'angular' ? await angularOutput(context.tree) : framework.output
      const output = mode !== 'site' && fixed !== null ? fixed : outputOf(context, manifest, found, evidence)
      if (typeof output !== 'string') return as({ kind: 'blocked', reason: output })
      return as({
        kind: 'static',
        publishDirectory: output,
        spaFallback: mode === 'spa' || usesRouter(context, manifest, found, evidence),
      })
    }
    if (started) return as(run(started))
    if (mode === 'server' && framework.start) {
      const own = framework.start[0] === 'node' ? [...framework.start] : ['npx', '--no-install', ...framework.start]
      return as(run({ command: own, line: framework.start.join(' '), signal: framework.name }))
    }
    return as({ kind: 'blocked', reason: unsupported(found, evidence) })
  }
  if (started) return as(run(started))
  const main = await serverEntry(context, manifest, server !== undefined)
  if (main === null) return as({ kind: 'none' })
  evidence.push(main.evidence)
  return as(run({ command: ['node', main.file], line: `node ${main.file}`, signal: main.file }))
}

/** Is this start the framework's own server, which an export or a single-page build leaves out? */
const servesItself = (framework: string, line: string): boolean =>
  framework === 'next' ||
  framework === 'nuxt' ||
  ['react-router-serve', 'remix-serve'].some((program) => callsProgram(line, program))

function unsupported({ framework }: Found, evidence: Evidence[]): Reason {
  return reason('unsupported-framework', {
    message: `${framework.name} can render on a server, and no script starts one in production. Its output is not taken for a static site by guess.`,
    evidence: evidence.slice(0, 5),
    fixPath: [
      {
        action: 'Add a start script that runs the built server, with the adapter for Node where the framework has one.',
      },
    ],
    overridePath: [
      { action: 'Set how the built server starts.', profileField: 'runtime.startCommand', example: 'node build' },
      {
        action: 'Or, for a prerendered site, set its output directory.',
        profileField: 'runtime.publishDirectory',
        example: 'dist',
      },
    ],
  })
}

/** The directory that a static framework writes: a script's flag, the configuration, else the framework's own. */
function outputOf(
  context: PlannerContext,
  manifest: Manifest,
  { framework, config }: Found,
  evidence: Evidence[],
): string | Reason {
  const script = manifest.scripts.build
  const flag = script === undefined ? undefined : flagValue(expanded(script, manifest), framework.outputFlags ?? [])
  if (flag !== undefined) {
    evidence.push(fact(context, 'script', 'package.json', 'scripts.build', shown(script!)))
    return posix.normalize(flag)
  }
  if (!config || !framework.outputKey) return framework.output
  const { inside, key } = framework.outputKey
  let list = config.list
  const rootAt = framework.name === 'vite' ? valueOf(list, 'root', 1) : -1
  const root = rootAt < 0 ? '.' : (pathAt(list, rootAt) ?? '.')
  if (inside !== undefined) {
    const at = valueOf(list, inside)
    list = at >= 0 && isMark(list[at], '{') ? list.slice(at) : []
  }
  const at = valueOf(list, key, 1)
  if (at < 0) return posix.join(root, framework.output)
  const path = pathAt(list, at)
  if (path === null || posix.isAbsolute(path))
    return reason('missing-artifact-output', {
      message: `${config.file} computes ${key}: it is not evaluated, so the output directory is not known.`,
      evidence: [fact(context, 'config', config.file, key)],
    })
  evidence.push(fact(context, 'config', config.file, key, path))
  return posix.join(isMark(list[at + 1], '.') || list[at]?.type === 'name' ? '.' : root, path)
}

/** A client router answers every path of a page: the evidence that unknown paths may answer with index.html. */
function usesRouter(context: PlannerContext, manifest: Manifest, found: Found | null, evidence: Evidence[]): boolean {
  if (found && found.framework.router !== true) return false
  const router = clientRouters.find((name) => dependencyVersion(manifest, name) !== undefined)
  if (router === undefined) return false
  evidence.push(
    fact(context, 'dependency', 'package.json', `dependencies.${router}`, dependencyVersion(manifest, router)),
  )
  return true
}

/** A production start: the Procfile's web process, else a start script that is no development server. */
async function findStart(
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
  for (const name of ['start', 'start:prod', 'start:production']) {
    const script = manifest.scripts[name]
    if (script === undefined || script.trim() === '') continue
    const line = expanded(script, manifest)
    // What starts the packages of a workspace is no start of this one: each of them is looked at by itself.
    if (isDispatch(line)) continue
    const seen = fact(context, 'script', 'package.json', `scripts.${name}`, shown(script))
    evidence.push(seen)
    if (!isDevelopment(line)) return { command: [program, 'run', name], line, signal: `scripts.${name}`, script: name }
    warnings.push(reason('development-start', { evidence: [seen] }))
  }
  return null
}

/** `main`, `server.js` or `index.js`, where it opens a server or the package depends on a server framework. */
async function serverEntry(context: PlannerContext, manifest: Manifest, depends: boolean) {
  const seen = new Set<string>()
  for (const name of [manifest.main, 'server.js', 'server.mjs', 'index.js', 'index.mjs']) {
    if (name === undefined || seen.has(name)) continue
    seen.add(name)
    const source = await sourceOf(context, name)
    if (source === null) continue
    const here = await context.tree.has(posix.normalize(name))
    if (!here && manifest.scripts.build === undefined) continue
    const opens =
      depends || /^server\.m?js$/.test(name) || (await modules(context, source)).some((one) => opensServer(one.list))
    if (!opens) continue
    const signal = name === manifest.main ? 'main' : name
    return {
      file: name,
      evidence: fact(
        context,
        signal === 'main' ? 'config' : 'file',
        signal === 'main' ? 'package.json' : name,
        signal,
        name,
      ),
    }
  }
  return null
}
