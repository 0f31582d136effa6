import { dirname, isAbsolute, join, posix, relative } from 'node:path'
import process from 'node:process'
import { AppaloftError, type BuildInput, type Host, hasCode, type Plan } from '@appaloft/core/spec'
import { configFolder } from '../api/address.js'
import type { Settings } from '../options.js'
import { invalid, type Project, projectSchema, refuseUnknown } from './model.js'
import { markOf } from './secrets.js'

type Raw = Record<string, unknown>

/** Files that planners accept are resolved in a second, to some kilobytes. */
const limits = { milliseconds: 60_000, bytes: 8 * 1024 * 1024 }

/** Compose takes names of projects in small letters alone; nothing of ours is found by it. */
export const projectName = (scope: string, resourceId: string): string =>
  `appaloft-${scope}-${resourceId.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '-')}`

/**
 * The project as Compose resolves it, with the services that the plan names: their paths are relative to the source, secret values are marks. Errors:
 * `compose-invalid`, `command-not-found`.
 */
export async function resolve(
  { host, settings }: { host: Host; settings: Settings },
  input: BuildInput,
  artifact: Extract<Plan['artifact'], { kind: 'compose-project' }>,
): Promise<Project> {
  const source = input.sourceDirectory ?? ''
  const told = await configOf({ host, settings }, input, artifact.composeFiles, source)
  const services = told.services as Record<string, Raw>
  const active = Object.fromEntries(
    artifact.services.flatMap((name) => (services[name] === undefined ? [] : [[name, services[name]]])),
  )
  refuseUnknown(active)
  const project = projectSchema.safeParse(withinSource({ ...told, services: active }, source))
  if (project.success) return project.data
  const [issue] = project.error.issues
  throw invalid(`${issue?.path.join('.')} is of a form that this target does not know.`, issue?.path.join('.'))
}

async function configOf(
  { host, settings }: { host: Host; settings: Settings },
  input: BuildInput,
  files: readonly string[],
  source: string,
): Promise<Raw> {
  const paths = files.map((file) => join(source, file))
  const directory = dirname(paths[0] ?? source)
  let read = 0
  const argv = [
    ...[settings.cli, 'compose', '--project-directory', directory],
    ...['--project-name', projectName(settings.scope, input.resourceId)],
    ...paths.flatMap((path) => ['--file', path]),
    // Which services start is the plan's word.
    ...['--profile', '*', 'config', '--format', 'json'],
  ]
  const asked = await host
    .exec(argv as [string, ...string[]], {
      cwd: directory,
      env: environmentOf(input.plan),
      signal: input.signal,
      timeoutMs: limits.milliseconds,
      maxBufferBytes: limits.bytes + 1,
      onLine: ({ text }) => {
        read += text.length + 1
        if (read > limits.bytes) throw invalid('The Compose files resolve to more than 8 MiB.')
      },
    })
    .catch((error: unknown) => {
      input.signal.throwIfAborted()
      if (hasCode(error, 'timeout'))
        throw invalid(`Compose did not resolve the files within ${limits.milliseconds / 1000} s.`)
      throw hasCode(error, 'command-not-found') ? notThere(settings.cli) : error
    })
  if (asked.exitCode === 0) return literal(JSON.parse(asked.stdout)) as Raw
  const said = asked.stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('time='))
  const told = said.at(-1)?.replaceAll(`${source}/`, '').slice(0, 600) ?? `exit code ${asked.exitCode}`
  if (/is not a docker command|unknown (?:shorthand )?flag|unknown command/.test(told)) throw notThere(settings.cli)
  throw invalid(`Compose refuses the files: ${told}`)
}

const notThere = (cli: string) =>
  new AppaloftError('command-not-found', {
    message: `The command ${cli} or its plugin compose is not on this machine: it resolves Compose projects.`,
    details: { command: cli },
    recoveryHint:
      'Install Docker’s command line with the plugin compose (2.20 or newer), or name it by the option cli.',
  })

/** Of this process nothing that a file could ask for but PATH: the same source and profile give the same project. */
function environmentOf({ environment }: Plan): Record<string, string> {
  const variables = Object.entries(environment).map(([name, one]) => [name, 'secret' in one ? markOf(name) : one.value])
  return {
    ...Object.fromEntries(variables),
    PATH: process.env.PATH ?? '',
    DOCKER_CONFIG: configFolder(process.env),
    DOCKER_CLI_HINTS: 'false',
  }
}

/** What Compose prints is a Compose file again, in which a dollar is written twice. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$$', '$')
  if (Array.isArray(value)) return value.map(literal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, literal(one)]))
}

/** Paths below the copy of the source become `./…`; the copy lies elsewhere each time. */
function withinSource(value: unknown, source: string): unknown {
  if (typeof value === 'string') {
    if (!isAbsolute(value) || (value !== source && !value.startsWith(`${source}/`))) return value
    return `./${posix.normalize(relative(source, value).replaceAll('\\', '/'))}`
  }
  if (Array.isArray(value)) return value.map((one) => withinSource(one, source))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withinSource(one, source)]))
}
