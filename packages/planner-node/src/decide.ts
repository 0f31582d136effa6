import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { fileServer } from './commands/file-server.js'
import { entryOf, flagValue, programs } from './commands/scripts.js'
import type { Start } from './commands/starts.js'
import { clientRouters } from './frameworks/table.js'
import { runnable } from './managers/exec.js'
import type { Application, Manager, Outcome } from './outcome.js'
import type { Found } from './recognise.js'
import { dependencyVersion, fact, type Manifest } from './sources/manifest.js'

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
export async function decide(
  context: PlannerContext,
  manifest: Manifest,
  found: Found,
  known: Known,
): Promise<Decided> {
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
export function portOf({ framework, mode }: Found, line: string): number | undefined {
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
export function usesRouter(
  context: PlannerContext,
  manifest: Manifest,
  found: Found | null,
  evidence: Evidence[],
): boolean {
  if (found && (found.framework.router !== true || (found.mode.kind === 'static' && found.mode.spa === false)))
    return false
  const router = clientRouters.find((name) => dependencyVersion(manifest, name) !== undefined)
  if (router === undefined) return false
  evidence.push(
    fact(context, 'dependency', 'package.json', `dependencies.${router}`, dependencyVersion(manifest, router)),
  )
  return true
}
