import { posix } from 'node:path'
import {
  type Command,
  type Evidence,
  type PlannedCommand,
  type PlannerContext,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import { buildScript } from './build-script.js'
import { runnable } from './exec.js'
import { fileServer, plainPage } from './files.js'
import { libraries } from './frameworks/servers.js'
import { clientRouters } from './frameworks/table.js'
import type { Build } from './frameworks/types.js'
import { dependencyVersion, fact, type Manifest, shown } from './manifest.js'
import { nxApplication } from './nx.js'
import type { PackageManager } from './package-manager.js'
import { type Found, recognise } from './recognise.js'
import { entryOf, expanded, flagValue, programs } from './scripts.js'
import { findStart, type Start, serverEntry } from './starts.js'

export type Outcome =
  | {
      kind: 'server'
      start: PlannedCommand
      /** What the start comes to, for the search of the port. */
      line: string
      signal: string
      /** The name of the script of package.json that `start` runs. */
      script?: string
      /** Where the framework's own server listens when nobody sets PORT, where it honours PORT. */
      port?: number
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
  /** What builds it, where that is not the usual build. */
  build?: Build
  /** What is left to be done once it is built. */
  package?: Command
  evidence: Evidence[]
  warnings: Reason[]
}

type Manager = Pick<PackageManager, 'name' | 'program'>

const lineOf = (command: Command): string => (typeof command === 'string' ? command : command.join(' '))

/** Decides what the package is and what runs of it. Reads only. */
export async function examine(
  context: PlannerContext,
  manifest: Manifest,
  manager: Manager = { name: 'npm', program: 'npm' },
): Promise<Application> {
  const { program } = manager
  const { runtime } = context.profiles
  const found = await recognise(context, manifest)
  const library = libraries.find(([name]) => dependencyVersion(manifest, name) !== undefined)
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  if (found?.version)
    evidence.push(fact(context, 'dependency', 'package.json', `dependencies.${found.dependency}`, found.version))
  if (library)
    evidence.push(
      fact(
        context,
        'dependency',
        'package.json',
        `dependencies.${library[0]}`,
        dependencyVersion(manifest, library[0]),
      ),
    )
  const ui = found ? { name: found.framework.name, version: found.version } : undefined
  const server = library ? { name: library[1], version: dependencyVersion(manifest, library[0])! } : undefined
  const as = (outcome: Outcome, named = ui ?? server): Application => ({
    found,
    evidence,
    warnings,
    outcome,
    ...(named === undefined || (outcome.kind === 'none' && found === null) ? {} : { named }),
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
    const port = found ? portOf(found, line) : undefined
    const outcome: Outcome = {
      kind: 'server',
      start,
      line,
      signal: 'runtime.startCommand',
      ...(port === undefined ? {} : { port }),
    }
    return as(outcome, server ?? ui)
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
  const run = (start: Start, port?: number): Outcome => ({
    kind: 'server',
    start: { command: start.command, from: 'planner' },
    line: start.line,
    signal: start.signal,
    ...(start.script === undefined ? {} : { script: start.script }),
    ...(port === undefined ? {} : { port }),
  })
  const entry = async (environment: string[] = []): Promise<Start | null> => {
    const file = await serverEntry(context, manifest, library !== undefined)
    if (file === null) return null
    evidence.push(file.evidence)
    return { command: [...environment, ...file.command], line: file.command.join(' '), signal: file.evidence.signal }
  }
  const nx = started === null ? await nxApplication(context, manifest, manager) : null
  if (nx !== null) return nx
  if (found) {
    evidence.push(...found.evidence)
    warnings.push(...found.warnings)
    const decided = await decide(context, manifest, found, {
      started,
      run,
      entry,
      evidence,
      custom: server ?? ui,
      manager,
    })
    return { ...as(decided.outcome, decided.named ?? ui), ...decided.commands }
  }
  const files = started === null ? null : fileServer(started.line, manifest)
  if (started && (files === null || files.runs)) return as(run(started))
  const main = await entry()
  if (main !== null) return as(run(main))
  const plain = await plainPage(context, manifest)
  if (plain === null && files !== null) {
    const written = buildScript(manifest) !== null || (await context.tree.has(`${files.directory}/`))
    return as(written ? page(files.directory, files.spa) : { kind: 'blocked', reason: unbuilt(files.directory) })
  }
  if (plain === null) return as({ kind: 'none' })
  evidence.push(fact(context, 'file', plain.file, 'index.html'))
  return as(page(plain.directory, files?.spa === true))
}

const unbuilt = (directory: string): Reason =>
  reason('missing-build-intent', {
    message: `The start script serves ${shown(directory)}, which the source does not hold, and no build script writes it.`,
    overridePath: [
      { action: 'Set the command that builds it.', profileField: 'runtime.buildCommand', example: 'npm run build' },
    ],
  })

const page = (publishDirectory: string, spaFallback: boolean): Outcome => ({
  kind: 'static',
  publishDirectory,
  spaFallback,
})

interface Known {
  started: Start | null
  run: (start: Start, port?: number) => Outcome
  entry: (environment?: string[]) => Promise<Start | null>
  evidence: Evidence[]
  /** What it is named where a script of its own starts it. */
  custom: { name: string; version: string } | undefined
  manager: Manager
}

interface Decided {
  outcome: Outcome
  named?: { name: string; version: string } | undefined
  commands: Pick<Application, 'build' | 'package'>
}

/** What becomes of a framework's mode with the start that the scripts have. */
async function decide(context: PlannerContext, manifest: Manifest, found: Found, known: Known): Promise<Decided> {
  const { mode, framework } = found
  const { started, run } = known
  const itsOwn = started !== null && callsServer(framework.servers ?? [], started, manifest)
  const commands =
    mode.kind === 'blocked'
      ? {}
      : { ...(mode.build ? { build: mode.build } : {}), ...(mode.package ? { package: mode.package } : {}) }
  if (mode.kind === 'blocked') {
    if (started && !itsOwn) return { outcome: run(started, portOf(found, started.line)), named: known.custom, commands }
    return { outcome: { kind: 'blocked', reason: mode.reason }, commands }
  }
  if (mode.kind === 'static') {
    const files = started === null ? null : fileServer(started.line, manifest)
    if (started && !itsOwn && !mode.instead?.test(started.line) && (files === null || files.runs))
      return { outcome: run(started, portOf(found, started.line)), named: known.custom, commands: {} }
    const spaFallback = mode.spa === true || files?.spa === true || usesRouter(context, manifest, found, known.evidence)
    return { outcome: { kind: 'static', publishDirectory: mode.output, spaFallback }, commands }
  }
  // Vite builds for a server that the application brings along.
  const named = framework.name === 'vite' && !itsOwn ? known.custom : undefined
  const own = mode.start
    ? { command: runnable(mode.start, known.manager), line: mode.start.join(' '), signal: framework.name }
    : null
  if (started) {
    const replaced =
      own !== null && ((mode.instead?.test(started.line) ?? false) || (itsOwn && fixesPort(started.line)))
    if (!replaced) return { outcome: run(started, portOf(found, started.line)), named, commands }
  }
  if (own) return { outcome: run(own, mode.port), named, commands }
  const entry = await known.entry(['vite', 'vike'].includes(framework.name) ? ['env', 'NODE_ENV=production'] : [])
  if (entry) return { outcome: run(entry), named, commands }
  return {
    outcome: mode.missing
      ? { kind: 'blocked', reason: { ...mode.missing, evidence: known.evidence.slice(0, 5) } }
      : { kind: 'none' },
    commands,
  }
}

const callsServer = (servers: readonly string[], { line }: Start, manifest: Manifest): boolean =>
  programs(line, manifest).some(([name]) => servers.includes(name!))

const fixesPort = (line: string): boolean => /^\d+$/.test(flagValue(line, ['-p', '--port']) ?? '')

/** The port of the framework's own server, where this line starts that one. */
function portOf({ framework, mode }: Found, line: string): number | undefined {
  const port = mode.kind === 'server' ? mode.port : framework.port
  if (port === undefined) return undefined
  if (framework.servers?.some((name) => new RegExp(`(?:^|[\\s/])${name}(?:\\s|$)`).test(line))) return port
  const start = (mode.kind === 'server' ? mode.start : framework.start) ?? []
  const own = start[0] === 'node' || start[0] === 'bun' ? entryOf(start.join(' ')) : undefined
  const entry = entryOf(line)
  if (own === undefined || entry === undefined) return undefined
  const plain = (path: string): string => posix.normalize(path).replace(/\/?(?:index)?(?:\.[mc]?js)?$/, '')
  return plain(own) === plain(entry) ? port : undefined
}

/** A client router answers every path of a page: the evidence that unknown paths may answer with index.html. */
function usesRouter(context: PlannerContext, manifest: Manifest, found: Found | null, evidence: Evidence[]): boolean {
  if (found && (found.framework.router !== true || (found.mode.kind === 'static' && found.mode.spa === false)))
    return false
  const router = clientRouters.find((name) => dependencyVersion(manifest, name) !== undefined)
  if (router === undefined) return false
  evidence.push(
    fact(context, 'dependency', 'package.json', `dependencies.${router}`, dependencyVersion(manifest, router)),
  )
  return true
}
