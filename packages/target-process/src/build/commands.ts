import {
  AppaloftError,
  type BuildInput,
  type Command,
  type CommandResult,
  type ErrorCode,
  type PlannedCommand,
} from '@appaloft/core/spec'
import { missingProgram, nameOf, notFound, runCommand } from '../command.js'
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
  const signs = new Signs()
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

/** How package managers say that the lockfile does not fit the manifest. */
const outOfStep = [
  /`npm ci` can only install packages when your package\.json and package-lock\.json/,
  /ERR_PNPM_OUTDATED_LOCKFILE/,
  /Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`/,
  /YN0028/,
  /lockfile had changes, but lockfile is frozen/,
]

const diskFull = /ENOSPC|No space left on device|EDQUOT|Disk quota exceeded/

const unreachableCode =
  'E(?:CONNREFUSED|CONNRESET|TIMEDOUT|NOTFOUND|AI_AGAIN|NETUNREACH|HOSTUNREACH)|ERR_SOCKET_TIMEOUT'

/** How package managers say that they did not reach the registry. What a script of a package prints is not meant. */
const unreachable = [
  new RegExp(`^npm (?:error|ERR!) code (?:${unreachableCode})$`),
  /^ ?ERR_PNPM_(?:META_)?FETCH_FAIL/,
  new RegExp(`^error .*https?://.*(?:${unreachableCode})`),
]

/** … and that it did not let them in. */
const refused = [/^npm (?:error|ERR!) code E40[13]$/, /^ ?ERR_PNPM_FETCH_40[13]/, /^error .*https?:\/\/.*\b40[13]\b/]

/** So many lines are kept from where a package manager says what is wrong: npm lets its whole usage follow. */
const keptOfStep = 20

/** What the output says of the cause, wherever in it: the last lines alone may be something else. */
export class Signs {
  diskFull = false
  /** From the telling line on; null: the lockfile is in step. */
  outOfStep: string[] | null = null
  registry: 'unreachable' | 'refused' | null = null

  see(text: string): void {
    // The system's limit of watched files has the same name as a full disk.
    if (diskFull.test(text) && !text.includes('file watchers')) this.diskFull = true
    if (unreachable.some((pattern) => pattern.test(text))) this.registry = 'unreachable'
    if (refused.some((pattern) => pattern.test(text))) this.registry = 'refused'
    if (this.outOfStep === null && outOfStep.some((pattern) => pattern.test(text))) this.outOfStep = []
    if (this.outOfStep !== null && this.outOfStep.length < keptOfStep) this.outOfStep.push(text)
  }
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

export function failureOf(code: ErrorCode, command: Command, result: CommandResult, signs: Signs): AppaloftError {
  const { exitCode, signal, lastLogs } = result
  const details = { command, exitCode, ...(signal === null ? {} : { signal }), lastLogs }
  const missing = missingProgram(result)
  if (missing !== null) {
    const { code: absent, message } = notFound(missing)
    return new AppaloftError(absent, { message, details: { ...details, command: missing } })
  }
  if (signs.diskFull) return new AppaloftError('disk-full', { details })
  if (code === 'install-failed' && signs.outOfStep !== null)
    return new AppaloftError('lockfile-out-of-step', { details: { ...details, lastLogs: signs.outOfStep } })
  if (code === 'install-failed' && signs.registry !== null)
    return new AppaloftError(code, { ...registryFaults[signs.registry](nameOf(command)), details })
  const how = signal === null ? `with exit code ${exitCode}` : `by ${signal}`
  return new AppaloftError(code, { message: `The command ${nameOf(command)} ended ${how}.`, details })
}
