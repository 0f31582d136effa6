import {
  type Command,
  type Evidence,
  type PlannedCommand,
  type PlannerContext,
  type Reason,
  reason,
} from '@appaloft/core/spec'
import { buildScript } from './commands/build-script.js'
import { fileServer, plainPage } from './commands/file-server.js'
import { expanded } from './commands/scripts.js'
import { findStart, type Start, serverEntry } from './commands/starts.js'
import { decide, portOf, usesRouter } from './decide.js'
import { libraries } from './frameworks/servers.js'
import type { Application, Manager, Outcome } from './outcome.js'
import { recognise } from './recognise.js'
import { dependencyVersion, fact, type Manifest, shown } from './sources/manifest.js'
import { nxApplication } from './workspaces/nx.js'

export type { Application, Outcome } from './outcome.js'

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
