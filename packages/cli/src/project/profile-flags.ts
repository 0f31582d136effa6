import { InvalidArgumentError } from 'commander'

/** A flag that sets one field of a resource's definition. */
export interface ProfileFlag {
  /** As commander reads it. */
  flags: string
  help: string
  /** `runtime.startCommand`. */
  field: string
  /** `list`: repeatable, the values together. `pairs`: repeatable, NAME=VALUE. Else one value. */
  many?: 'list' | 'pairs'
  parse?: (value: string) => unknown
  choices?: readonly string[]
  /** A flag without a value sets the field to this. */
  sets?: boolean | string
}

export const text = (value: string): string => {
  if (value === '') throw new InvalidArgumentError('Nothing given.')
  return value
}
export const integer = (value: string): number => {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Not a whole number.')
  return Number(value)
}
const decimal = (value: string): number => {
  if (!/^\d+(?:\.\d+)?$/.test(value)) throw new InvalidArgumentError('Not a number.')
  return Number(value)
}
const port = (value: string): number => {
  const number = integer(value)
  if (number < 1 || number > 65_535) throw new InvalidArgumentError('Not a port from 1 to 65535.')
  return number
}

/** In the order of the help. A further field of a profile is one entry. */
export const profileFlags: readonly ProfileFlag[] = [
  {
    flags: '--hostname <name>',
    help: 'serve it under this hostname (repeatable)',
    field: 'access.hostnames',
    many: 'list',
  },
  { flags: '--path-prefix <path>', help: 'serve it under this path', field: 'access.pathPrefix' },
  {
    flags: '--strip-prefix',
    help: 'do not pass that path on to the application',
    field: 'access.pathHandling',
    sets: 'strip',
  },
  { flags: '--tls <mode>', help: 'TLS of the proxy', field: 'access.tls', choices: ['auto', 'off'] },
  {
    flags: '--port <number>',
    help: 'the port the application listens on',
    field: 'network.internalPort',
    parse: port,
  },
  {
    flags: '--fixed-port',
    help: 'it listens there whatever PORT says; releases do not overlap',
    field: 'network.honoursPort',
    sets: false,
  },
  {
    flags: '--exposure <kind>',
    help: 'how it is reached',
    field: 'network.exposure',
    choices: ['proxy', 'direct-port', 'none'],
  },
  {
    flags: '--host-port <number>',
    help: 'the port of the machine, with --exposure direct-port',
    field: 'network.hostPort',
    parse: port,
  },
  {
    flags: '--upstream <protocol>',
    help: 'what the application speaks',
    field: 'network.upstreamProtocol',
    choices: ['http', 'tcp'],
  },
  {
    flags: '--service <name>',
    help: 'the service of a Compose project that takes the traffic',
    field: 'network.targetServiceName',
  },
  { flags: '--planner <key>', help: 'plan it with this planner', field: 'runtime.planner' },
  { flags: '--install <command>', help: 'the install command', field: 'runtime.installCommand' },
  { flags: '--build <command>', help: 'the build command', field: 'runtime.buildCommand' },
  { flags: '--package <command>', help: 'the command after the build', field: 'runtime.packageCommand' },
  { flags: '--start <command>', help: 'the start command', field: 'runtime.startCommand' },
  {
    flags: '--release-command <command>',
    help: 'runs once a deployment, after the build and before the start',
    field: 'runtime.releaseCommand',
  },
  { flags: '--publish <directory>', help: 'the directory with the built files', field: 'runtime.publishDirectory' },
  { flags: '--dockerfile <file>', help: 'the Dockerfile to build', field: 'runtime.dockerfilePath' },
  { flags: '--target-stage <name>', help: 'the stage of the Dockerfile to build', field: 'runtime.buildTarget' },
  {
    flags: '--build-arg <name=value>',
    help: 'an argument of the Dockerfile; a secret goes with --build-secret (repeatable)',
    field: 'runtime.buildArgs',
    many: 'pairs',
  },
  {
    flags: '--compose-file <file>',
    help: 'a Compose file, merged upon those before (repeatable)',
    field: 'runtime.composeFiles',
    many: 'list',
  },
  {
    flags: '--runtime-version <version>',
    help: 'the version of the language’s runtime',
    field: 'runtime.runtimeVersion',
  },
  {
    flags: '--replicas <number>',
    help: 'so many instances at once',
    field: 'runtime.replicas',
    parse: integer,
  },
  { flags: '--cpus <number>', help: 'so many cores at most', field: 'runtime.resources.cpus', parse: decimal },
  {
    flags: '--memory <MiB>',
    help: 'so much memory at most',
    field: 'runtime.resources.memoryMiB',
    parse: integer,
  },
  {
    flags: '--no-overlap',
    help: 'stop the old release before the new one starts',
    field: 'runtime.overlap',
    sets: false,
  },
  { flags: '--health-path <path>', help: 'ask this path for the health check', field: 'health.path' },
  {
    flags: '--health-status <number>',
    help: 'the status that a healthy application answers',
    field: 'health.expectedStatus',
    parse: integer,
  },
  { flags: '--health-command <command>', help: 'check its health with this command', field: 'health.command' },
  {
    flags: '--health-type <type>',
    help: 'how its health is checked',
    field: 'health.type',
    choices: ['http', 'command', 'tcp'],
  },
  { flags: '--no-health', help: 'check that it runs, and no more', field: 'health.enabled', sets: false },
  {
    flags: '--drain <seconds>',
    help: 'how long requests of the old release may take to finish',
    field: 'network.drainSeconds',
    parse: integer,
  },
  {
    flags: '--base-directory <directory>',
    help: 'the directory of the application inside the source',
    field: 'source.baseDirectory',
  },
]

/** `--health-path`. */
export const longOf = ({ flags }: ProfileFlag): string => flags.split(' ')[0] ?? flags

/** The name under which commander gives the value; of `--no-overlap` it is `overlap`. */
export const nameOf = (flag: ProfileFlag): string =>
  longOf(flag)
    .replace(/^--(?:no-)?/, '')
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
