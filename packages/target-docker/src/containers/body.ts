import { AppaloftError, type Command, type Plan, type ReleaseInput } from '@appaloft/core/spec'
import type { Image } from '../api/schemas.js'
import { label, type Names, type Role } from '../names.js'
import type { Settings } from '../options.js'
import { volumePath, workingDirectory } from './place.js'

/** An array meets no shell. */
export const toArgv = (command: Command): string[] =>
  typeof command === 'string' ? ['/bin/sh', '-c', command] : [...command]

/** Programs that want to be the first process themselves, or are an init already. */
const inits =
  /(?:^|\/)(?:init|tini|tini-static|docker-init|dumb-init|catatonit|s6-svscan|s6-overlay-init|systemd|my_init|runit-init)$/

export interface What {
  image: Image
  /** Null: what the image starts by itself. */
  command: Command | null
  role: Extract<Role, 'instance' | 'command'>
  index: number
  /** The port of the machine's loopback for each port of the container. */
  published: Map<number, number>
}

/** The ports of a release that something outside of it asks. */
export function askedPorts(plan: Plan): number[] {
  const { network, health } = plan
  const asked = network.exposure === 'none' ? [] : [network.internalPort ?? 80]
  const probed = health.enabled && health.type !== 'command' ? (health.port ?? network.internalPort) : undefined
  const needed = network.exposure === 'none' && health.defaulted ? undefined : probed
  return [...new Set([...asked, ...(needed === undefined ? [] : [needed])])]
}

/** What the engine is asked to create. Environment and secrets go through its API: no argument list ever holds them. */
export function containerBody(names: Names, settings: Settings, input: ReleaseInput, what: What) {
  const { plan } = input.release
  const argv = what.command === null ? null : toArgv(what.command)
  const first = argv ?? [...what.image.Config.Entrypoint, ...what.image.Config.Cmd]
  if (first.length === 0)
    throw new AppaloftError('start-failed', {
      message: 'The image starts nothing by itself, and the plan has no start command.',
      details: { profileField: 'runtime.startCommand' },
    })
  const { memoryMiB, cpus } = plan.resources
  const place = workingDirectory(plan)
  return {
    Image: what.image.Id,
    // Both are replaced: a command that the user gave is the whole of it.
    ...(argv === null ? {} : { Entrypoint: argv.slice(0, 1), Cmd: argv.slice(1) }),
    ...(place === undefined ? {} : { WorkingDir: place }),
    Env: environmentOf(settings, input, what.role),
    Labels: names.labels(input, what.role, { [label.index]: String(what.index) }),
    ExposedPorts: Object.fromEntries([...what.published.keys()].map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      Init: !inits.test(first[0] ?? ''),
      PortBindings: bindingsOf(plan, what.published),
      Mounts: mountsOf(names, plan),
      // Only a promoted release is started again.
      RestartPolicy: { Name: 'no' },
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(settings.logBytes), 'max-file': String(settings.logFiles) },
      },
      ...(memoryMiB === undefined ? {} : { Memory: memoryMiB * 1024 * 1024, MemorySwap: memoryMiB * 1024 * 1024 }),
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    },
  }
}

export type ContainerBody = ReturnType<typeof containerBody>

export const secretFolder = '/run/secrets'

/** The secrets that go into files, by name. */
export function secretFiles(settings: Settings, input: ReleaseInput): Record<string, string> {
  if (settings.secrets !== 'files') return {}
  const given = input.secretNames.flatMap((name) => {
    const value = input.environment[name]
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(given)
}

/** Their servers listen on the loopback unless `HOST` says otherwise; in a container nobody could reach them there. */
const shy: ReadonlySet<string> = new Set(['astro', 'adonis'])

function environmentOf(settings: Settings, input: ReleaseInput, role: Role): string[] {
  const { network, artifact, framework } = input.release.plan
  const files = secretFiles(settings, input)
  const variables = Object.entries(input.environment).filter(([name]) => !(name in files) && name !== 'PORT')
  const named = Object.keys(files).map((name) => [`${name}_FILE`, `${secretFolder}/${name}`])
  const listens = role === 'instance' && network.exposure !== 'none' && artifact.kind !== 'static-site'
  const port = listens ? [['PORT', String(network.internalPort ?? network.hostPort ?? 80)]] : []
  const opens = listens && framework !== undefined && shy.has(framework.name) && input.environment.HOST === undefined
  const host = opens ? [['HOST', '0.0.0.0']] : []
  return [...variables, ...named, ...port, ...host].map(([name, value]) => `${name}=${value}`)
}

function bindingsOf({ network }: Plan, published: What['published']) {
  return Object.fromEntries(
    [...published].map(([port, hostPort]) => [
      `${port}/tcp`,
      // A direct port is for everybody, all others for this machine alone.
      [
        {
          HostIp: network.exposure === 'direct-port' && port === (network.internalPort ?? 80) ? '' : '127.0.0.1',
          HostPort: String(hostPort),
        },
      ],
    ]),
  )
}

function mountsOf(names: Names, plan: Plan) {
  return [
    ...plan.volumes.map((volume) => ({
      Type: 'volume',
      Source: names.volume(plan.resourceId, volume.name),
      Target: volumePath(plan, volume.path),
      ReadOnly: volume.readOnly === true,
      VolumeOptions: { Labels: names.labels({ resourceId: plan.resourceId }, 'volume') },
    })),
    ...plan.binds.map((bind) => ({
      Type: 'bind',
      Source: bind.source,
      Target: bind.path,
      ReadOnly: bind.readOnly === true,
    })),
  ]
}
