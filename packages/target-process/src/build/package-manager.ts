import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { AppaloftError, type BuildInput, hasCode, type Plan } from '@appaloft/core/spec'
import { runCommand } from '../command.js'
import type { Layout } from '../shared/paths.js'

/** Program and registry package of those that do not come with Node, and the version where the source names none. */
const known = {
  pnpm: { program: 'pnpm', from: 'pnpm', version: '10' },
  yarn: { program: 'yarn', from: 'yarn', version: '1' },
  'yarn-berry': { program: 'yarn', from: '@yarnpkg/cli-dist', version: '4' },
  bun: { program: 'bun', from: 'bun', version: '1' },
} as const

export interface Manager {
  program: string
  /** What npm is asked for, `pnpm@10.20.0`. */
  spec: string
  berry: boolean
}

/** A version, a range or a tag: never an address, which would be another program. */
const harmless = /^[\w.^~<>=|*+ -]{1,64}$/

/** The package manager that a plan's commands call, unless it comes with Node. */
export function managerOf(plan: Plan): Manager | null {
  const wanted = plan.runtime?.packageManager
  if (wanted === undefined || !Object.hasOwn(known, wanted.name)) return null
  const { program, from, version } = known[wanted.name as keyof typeof known]
  const calls = Object.values(plan.commands).some((planned) =>
    typeof planned.command === 'string'
      ? new RegExp(`(?:^|[\\s;&|(])${program}(?:\\s|$)`).test(planned.command)
      : planned.command[0] === program,
  )
  if (!calls) return null
  const asked = wanted.version !== undefined && harmless.test(wanted.version) ? wanted.version : version
  return { program, spec: `${from}@${asked}`, berry: wanted.name === 'yarn-berry' }
}

const folderOf = (layout: Layout, { spec }: Manager) => join(layout.tools, encodeURIComponent(spec))
const programsOf = (folder: string) => join(folder, 'node_modules', '.bin')

/** An environment in which the plan's package manager is found, where one was fetched for it. */
export function withManager(
  layout: Layout,
  plan: Plan,
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  const manager = managerOf(plan)
  const programs = manager === null ? null : programsOf(folderOf(layout, manager))
  if (programs === null || !existsSync(programs)) return { ...environment }
  return { ...environment, PATH: [programs, environment.PATH].join(delimiter) }
}

/**
 * Fetches the package manager that the plan names with npm, once for a version, where the machine has none: into the state folder, so that
 * nothing of the user's changes. Errors: `command-not-found`, which says what to install.
 */
export async function fetchManager(
  input: BuildInput,
  place: { layout: Layout; directory: string; environment: Record<string, string>; graceMs: number },
): Promise<void> {
  const manager = managerOf(input.plan)
  if (manager === null) return
  const { layout, environment } = place
  const folder = folderOf(layout, manager)
  if (existsSync(programsOf(folder)) || (await isThere(manager, input, place))) return
  const { program, spec } = manager
  input.log({ stream: 'stdout', text: `${program} is not on this machine: ${spec} is fetched for this build` })
  const draft = `${folder}.${input.deploymentId}.draft`
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  try {
    const argv = ['npm', 'install', '--prefix', draft, '--no-audit', '--no-fund', '--loglevel=error', spec]
    const options = { ...optionsOf(input, place), directory: draft, environment }
    const result = await runCommand(argv, options).catch((error: unknown) => {
      throw hasCode(error, 'command-not-found') ? absent(manager, []) : error
    })
    if (result.exitCode !== 0) throw absent(manager, result.lastLogs)
    // Of two builds that fetched it at once, one is in time.
    if (!existsSync(folder)) renameSync(draft, folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

const optionsOf = (input: BuildInput, place: { layout: Layout; graceMs: number }) => ({
  layout: place.layout,
  ref: input,
  signal: input.signal,
  graceMs: place.graceMs,
  onLine: input.log,
})

const absent = ({ program, spec }: Manager, lastLogs: readonly string[]) =>
  new AppaloftError('command-not-found', {
    message: `The command ${program} does not exist on this machine, and npm could not fetch ${spec}.`,
    details: { command: program, lastLogs: [...lastLogs] },
    recoveryHint: `Install it for the user who deploys: npm install --global ${spec}`,
  })

/** Does the machine have it? A yarn of the first line does not count where a later one is asked for: it refuses such sources. */
async function isThere(
  manager: Manager,
  input: BuildInput,
  place: { layout: Layout; directory: string; environment: Record<string, string>; graceMs: number },
): Promise<boolean> {
  const { environment } = place
  if (!(environment.PATH ?? '').split(delimiter).some((folder) => isProgram(join(folder, manager.program))))
    return false
  if (!manager.berry) return true
  const version = await runCommand([manager.program, '--version'], {
    ...optionsOf(input, place),
    directory: place.directory,
    environment,
    onLine: () => undefined,
  })
  return version.exitCode === 0 && !version.lastLogs.some((line) => line.startsWith('1.'))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
