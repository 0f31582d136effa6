import {
  AppaloftError,
  type BuildInput,
  BuildSigns,
  type Command,
  type CommandResult,
  commandField,
  type ErrorCode,
  heapFault,
  missingProgram,
  type PlannedCommand,
} from '@appaloft/core/spec'
import { nameOf, notFound, runCommand } from '../command.js'
import { buildEnvironment } from '../environment.js'
import type { Layout } from '../shared/paths.js'
import { fetchManager, withManager } from './package-manager.js'

export interface BuildPlace {
  layout: Layout
  /** Absolute: where the install runs, and where all the rest does. */
  installDirectory: string
  workingDirectory: string
  graceMs: number
}

/** Install, build and package, as far as the plan has them. Each failure names its command, its exit code and its last lines. */
export async function runBuildCommands(input: BuildInput, place: BuildPlace): Promise<void> {
  const { install, build, package: pack } = input.plan.commands
  if (install ?? build ?? pack)
    await fetchManager(input, {
      ...place,
      directory: place.installDirectory,
      environment: buildEnvironment(input.environment),
    })
  await runOne('install-failed', install, place.installDirectory, input, place)
  await runOne('build-failed', build, place.workingDirectory, input, place)
  await runOne('package-failed', pack, place.workingDirectory, input, place)
}

async function runOne(
  code: ErrorCode,
  planned: PlannedCommand | undefined,
  directory: string,
  input: BuildInput,
  place: BuildPlace,
): Promise<void> {
  if (planned === undefined) return
  const signs = new BuildSigns()
  const result = await runCommand(planned.command, {
    layout: place.layout,
    ref: input,
    directory,
    environment: withManager(place.layout, input.plan, buildEnvironment(input.environment)),
    signal: input.signal,
    graceMs: place.graceMs,
    onLine: (line) => {
      signs.see(line.text)
      input.log(line)
    },
  })
  if (result.exitCode !== 0) throw failureOf(code, planned.command, result, signs)
}

const registryFaults = {
  unreachable: (command: string) => ({
    category: 'network' as const,
    retriable: true,
    message: `The command ${command} could not reach the package registry.`,
    recoveryHint: 'Check the network, and the registry and proxy in the settings of the user who deploys; then retry.',
  }),
  refused: (command: string) => ({
    category: 'credentials' as const,
    message: `The package registry did not let the command ${command} in.`,
    recoveryHint: 'Give the user who deploys valid credentials for the registry.',
  }),
}

export function failureOf(code: ErrorCode, command: Command, result: CommandResult, signs: BuildSigns): AppaloftError {
  const { exitCode, signal, lastLogs } = result
  const details = { command, exitCode, ...(signal === null ? {} : { signal }), lastLogs }
  const missing = missingProgram(exitCode, lastLogs)
  if (missing !== null) {
    const { code: absent, message } = notFound(missing)
    return new AppaloftError(absent, {
      message,
      details: { ...details, command: missing, profileField: commandField[code] ?? 'runtime.buildCommand' },
    })
  }
  if (signs.outOfMemory) {
    const { profileField, ...told } = heapFault(nameOf(command))
    return new AppaloftError('out-of-memory', { ...told, details: { ...details, profileField } })
  }
  if (signs.diskFull) return new AppaloftError('disk-full', { details })
  if (code === 'install-failed' && signs.outOfStep !== null)
    return new AppaloftError('lockfile-out-of-step', { details: { ...details, lastLogs: signs.outOfStep } })
  if (code === 'install-failed' && signs.registry !== null)
    return new AppaloftError(code, { ...registryFaults[signs.registry](nameOf(command)), details })
  const how = signal === null ? `with exit code ${exitCode}` : `by ${signal}`
  return new AppaloftError(code, { message: `The command ${nameOf(command)} ended ${how}.`, details })
}
