import type { ResourceDefinition } from '@appaloft/core/spec'
import { type Command, InvalidArgumentError } from 'commander'

/** The flags of the common profile fields, as commander gives them. */
export interface ProfileFlags {
  hostname?: string[]
  pathPrefix?: string
  port?: number
  env?: string[]
  buildEnv?: string[]
  secret?: string[]
  install?: string
  build?: string
  start?: string
  releaseCommand?: string
  publish?: string
  healthPath?: string
  drain?: number
  baseDirectory?: string
}

const collect = (value: string, former: string[] | undefined) => [...(former ?? []), value]
const integer = (value: string) => {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Not a whole number.')
  return Number(value)
}
const port = (value: string) => {
  const number = integer(value)
  if (number < 1 || number > 65_535) throw new InvalidArgumentError('Not a port from 1 to 65535.')
  return number
}
const text = (value: string) => {
  if (value === '') throw new InvalidArgumentError('Nothing given.')
  return value
}

export { collect, integer, text }

/** Adds the flags to a command. An explicit flag wins over the configuration file, as that wins over inference. */
export const addProfileFlags = (command: Command): Command =>
  command
    .option('--hostname <name>', 'serve it under this hostname (repeatable)', collect)
    .option('--path-prefix <path>', 'serve it under this path', text)
    .option('--port <number>', 'the port the application listens on', port)
    .option('--env <name=value>', 'a variable of the running application (repeatable)', collect)
    .option('--build-env <name=value>', 'a variable of the build (repeatable)', collect)
    .option(
      '--secret <name>',
      'a secret variable: NAME is read from the environment or asked for, NAME=@FILE from a file, NAME=- from stdin (repeatable)',
      collect,
    )
    .option('--install <command>', 'the install command', text)
    .option('--build <command>', 'the build command', text)
    .option('--start <command>', 'the start command', text)
    .option('--release-command <command>', 'runs once a deployment, after the build and before the start', text)
    .option('--publish <directory>', 'the directory with the built files', text)
    .option('--health-path <path>', 'ask this path for the health check', text)
    .option('--drain <seconds>', 'how long requests of the old release may take to finish', integer)
    .option('--base-directory <directory>', 'the directory of the application inside the source', text)

/** Was any profile flag given? */
export const hasProfileFlags = (flags: ProfileFlags): boolean =>
  Object.values(profileOnly(flags)).some((value) => value !== undefined)

function profileOnly(flags: ProfileFlags): ProfileFlags {
  const { hostname, pathPrefix, port, env, buildEnv, secret, install, build, start } = flags
  const { releaseCommand, publish, healthPath, drain, baseDirectory } = flags
  return {
    ...{ hostname, pathPrefix, port, env, buildEnv, secret, install, build, start },
    ...{ releaseCommand, publish, healthPath, drain, baseDirectory },
  }
}

/** The definition with the flags laid over it, variables aside. Empty profiles are left out. */
export function applyFlags(definition: ResourceDefinition, flags: ProfileFlags): ResourceDefinition {
  const { baseDirectory } = flags
  return withoutEmpty({
    ...definition,
    source: baseDirectory === undefined ? definition.source : { ...definition.source, baseDirectory },
    runtime: {
      ...definition.runtime,
      ...given({
        installCommand: flags.install,
        buildCommand: flags.build,
        startCommand: flags.start,
        releaseCommand: flags.releaseCommand,
        publishDirectory: flags.publish,
      }),
    },
    network: { ...definition.network, ...given({ internalPort: flags.port, drainSeconds: flags.drain }) },
    // An empty health profile means something else than none: it is left as it was.
    ...(flags.healthPath === undefined ? {} : { health: { ...definition.health, path: flags.healthPath } }),
    access: { ...definition.access, ...given({ hostnames: flags.hostname, pathPrefix: flags.pathPrefix }) },
  })
}

const given = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>

function withoutEmpty(definition: ResourceDefinition): ResourceDefinition {
  const optional = ['runtime', 'network', 'access', 'environment'] as const
  const result = { ...definition }
  for (const name of optional) {
    if (result[name] !== undefined && Object.keys(result[name]).length === 0) delete result[name]
  }
  return result
}
