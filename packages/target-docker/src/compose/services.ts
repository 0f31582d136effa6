import { AppaloftError, type ReleaseInput } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import { type Engine, orNull, untilKnown } from '../api/engine.js'
import type { Image } from '../api/schemas.js'
import { tarOf } from '../api/tar.js'
import { tidying } from '../containers/remove.js'
import type { Parts } from '../containers/start.js'
import { checkMark } from '../marks.js'
import { label, type Names } from '../names.js'
import { argvOf, composeLabels, containerFields, hostFields, imageVolumes, type Shape } from './body.js'
import { type Bundle, hashOf } from './bundle.js'
import { targetOf } from './files.js'
import type { Service } from './model.js'
import { aliasesOf, join, nameNetworks } from './networks.js'
import { opened } from './secrets.js'

/** A container of a service that stays from release to release. */
export interface Running {
  id: string
  name: string
  service: string
  index: number
  hash: string
  /** The deployment that made it. */
  attempt: string
  state: string
  created: number
  /** The image that the file names, as it was when the container was made. */
  image: string
  digest: string
  reference: string
}

export const runs = ({ state }: Running): boolean => state === 'running' || state === 'restarting' || state === 'paused'

/** Those that were replaced too, until the release that replaced them is promoted. The newest first. */
export async function servicesOf(
  { engine, names }: Pick<Parts, 'engine' | 'names'>,
  resourceId: string,
  signal?: AbortSignal,
): Promise<Running[]> {
  const found = await engine.containers(names.ofResource(resourceId, 'service'), { signal })
  return found
    .map(({ Id: id, Names: [name = ''], State: state, Labels: labels, Created: created }) => ({
      ...{ id, name: name.slice(1), state, created },
      service: labels[label.service] ?? '',
      index: Number(labels[label.index] ?? 0),
      hash: labels[label.hash] ?? '',
      attempt: labels[label.attempt] ?? '',
      image: labels[label.image] ?? '',
      digest: labels[label.digest] ?? '',
      reference: labels[label.reference] ?? '',
    }))
    .sort((a, b) => b.created - a.created)
}

/** What is known of the project while a release of it is started. */
export interface Stage {
  parts: Parts
  input: ReleaseInput
  bundle: Bundle
  /** The engine's names of the project's networks, by their keys. */
  networks: Map<string, string>
}

export async function shapeOf(
  { parts, input, bundle }: Stage,
  name: string,
  service: Service,
  /** Of a service that stays. */
  index?: number,
): Promise<Shape> {
  const { resourceId, signal } = input
  const record = bundle.images[name]
  const image = record === undefined ? null : await imageOfService(parts.engine, record, signal)
  if (image === null)
    throw new AppaloftError('release-not-found', {
      message: `The image of the service ${name} is no longer on the engine.`,
      recoveryHint: 'Redeploy the resource: that builds or pulls it anew.',
    })
  return {
    names: parts.names,
    resourceId,
    project: bundle.project,
    name,
    service: opened(service, input),
    image,
    index: index ?? 0,
    stays: index !== undefined,
  }
}

const imageOfService = async (
  engine: Engine,
  { image, digest, name }: Bundle['images'][string],
  signal: AbortSignal,
): Promise<Image | null> => {
  // Engines that keep images in another way call them by other ids.
  let found = await engine.image(image, { signal })
  for (const other of digest === undefined ? [name] : [digest, name]) found ??= await engine.image(other, { signal })
  return found
}

/** Makes the container of a service, not yet started, with its files and networks. @returns its name */
export async function makeService(stage: Stage, name: string, service: Service, index: number): Promise<string> {
  const { parts, input, bundle } = stage
  const { engine, names, settings } = parts
  const shape = await shapeOf(stage, name, service, index)
  const argv = argvOf(shape.service, shape.image)
  const record = bundle.images[name]
  const named = record?.base ?? record
  const labels = names.labels({ resourceId: input.resourceId }, 'service', {
    [label.release]: input.release.id,
    [label.service]: name,
    [label.attempt]: input.deploymentId,
    [label.hash]: hashOf(bundle, name, input.release.plan),
    [label.index]: String(index),
    [label.image]: named?.image ?? '',
    [label.digest]: named?.digest ?? '',
    [label.reference]: named?.reference ?? '',
  })
  const called = names.service(input.resourceId, name, index, input.deploymentId, input.token)
  const host = hostFields(shape)
  const aliases = (_name: string, own: Service, key: string) => aliasesOf(bundle.project, name, own, key)
  const body = {
    ...containerFields(shape),
    Image: shape.image.Id,
    ...(argv === null ? {} : { Entrypoint: argv.slice(0, 1), Cmd: argv.slice(1) }),
    Env: Object.entries(shape.service.environment).map(([key, value]) => `${key}=${value}`),
    Labels: { ...composeLabels(shape), ...labels },
    ExposedPorts: Object.fromEntries(shape.service.ports.map((one) => [`${one.target}/${one.protocol ?? 'tcp'}`, {}])),
    HostConfig: {
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(settings.logBytes), 'max-file': String(settings.logFiles) },
      },
      ...host,
      Mounts: [...((host.Mounts as object[] | undefined) ?? []), ...imageVolumes(shape)],
      PortBindings: bindingsOf(shape.service),
      // Until the release is promoted, a service that ends has failed.
      RestartPolicy: { Name: 'no' },
      ...(await modesOf(stage, shape.service)),
    },
    ...firstNetwork(stage, name, shape.service, aliases),
  }
  await create(parts, input, called, body)
  await connectAll(stage, called, name, shape.service, aliases)
  // Where releases have the name of the service that takes the traffic.
  for (const network of await nameNetworks(parts, input.resourceId, input.signal))
    if (network.key in shape.service.networks) await join(engine, network.id, called, {}, input.signal)
  await putFiles(parts, input, called, bundle, shape.service)
  return called
}

async function create({ engine, names }: Parts, input: ReleaseInput, name: string, body: object): Promise<void> {
  const { signal, resourceId, token } = input
  await engine.create(name, body, { signal }).catch(async (error: unknown) => {
    // Left by a call that did not come to its end.
    if (!(error instanceof EngineError) || error.status !== 409) throw error
    await untilKnown(engine, name, input)
  })
  try {
    // A holder that raises the fence after this renames it, and the start finds nothing.
    await checkMark(engine, names, resourceId, token, signal)
  } catch (error) {
    await engine.remove(name, tidying()).catch(() => undefined)
    throw error
  }
}

type Aliases = (name: string, service: Service, key: string) => string[]

const endpoint = (service: Service, key: string, aliases: string[]) => {
  const address = service.networks[key]?.ipv4_address
  return { Aliases: aliases, ...(address === undefined ? {} : { IPAMConfig: { IPv4Address: address } }) }
}

/** The engine takes one network when a container is created; the others are joined before it starts. */
export function firstNetwork({ networks }: Stage, name: string, service: Service, aliases: Aliases): object {
  const [key] = Object.keys(service.networks)
  const network = key === undefined ? undefined : networks.get(key)
  if (key === undefined || network === undefined) return {}
  return { NetworkingConfig: { EndpointsConfig: { [network]: endpoint(service, key, aliases(name, service, key)) } } }
}

export async function connectAll(
  { parts, input, networks }: Stage,
  container: string,
  name: string,
  service: Service,
  aliases: Aliases,
): Promise<void> {
  for (const key of Object.keys(service.networks).slice(1)) {
    const network = networks.get(key)
    if (network === undefined) continue
    await join(parts.engine, network, container, endpoint(service, key, aliases(name, service, key)), input.signal)
  }
}

/** Namespaces that it shares with the machine, or with another service. */
async function modesOf({ parts, input, networks }: Stage, service: Service): Promise<object> {
  const [first] = Object.keys(service.networks)
  const network = first === undefined ? undefined : networks.get(first)
  const all = await servicesOf(parts, input.resourceId, input.signal)
  const resolved = (mode: string | undefined): string | undefined => {
    if (!mode?.startsWith('service:')) return mode
    const other = all.find((one) => one.service === mode.slice('service:'.length) && runs(one))
    return other === undefined ? mode : `container:${other.id}`
  }
  return {
    NetworkMode: resolved(service.network_mode) ?? network ?? 'default',
    ...(service.ipc === undefined ? {} : { IpcMode: resolved(service.ipc) }),
    ...(service.pid === undefined ? {} : { PidMode: resolved(service.pid) }),
  }
}

const bindingsOf = ({ ports }: Service) => {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const { target, protocol = 'tcp', published = '', host_ip: HostIp = '' } of ports)
    bindings[`${target}/${protocol}`] = [...(bindings[`${target}/${protocol}`] ?? []), { HostIp, HostPort: published }]
  return bindings
}

/** Secrets and configurations that are no files of the source. They go with the container. */
export async function putFiles(
  { engine, names: _names }: { engine: Engine; names: Names },
  input: ReleaseInput,
  container: string,
  { project }: Bundle,
  service: Service,
): Promise<void> {
  const files = (['secrets', 'configs'] as const).flatMap((section) =>
    service[section].flatMap((one) => {
      const { content, environment } = project[section][one.source] ?? {}
      const value = content ?? (environment === undefined ? undefined : input.environment[environment])
      if (value === undefined && environment === undefined) return []
      if (value === undefined)
        throw new AppaloftError('secret-unavailable', {
          message: `${section}.${one.source} asks for the variable ${environment}, which the profile does not have.`,
          recoveryHint: `Set environment.${environment} with the scope runtime or both.`,
        })
      const mode = one.mode === undefined ? 0o444 : modeOf(one.mode)
      return [
        {
          name: targetOf(section, one).slice(1),
          content: opened(value, input),
          mode,
          uid: Number(service.user?.match(/^\d+/)?.[0] ?? 0),
        },
      ]
    }),
  )
  if (files.length > 0) await engine.putArchive(container, '/', tarOf(files), { signal: input.signal })
}

/** Compose prints numbers in decimal; as text it is as people write it. */
const modeOf = (mode: string): number => (mode.startsWith('0') ? Number.parseInt(mode, 8) : Number(mode))

export async function startNamed(
  { engine, names }: Parts,
  input: Pick<ReleaseInput, 'resourceId' | 'token'> & { signal?: AbortSignal },
  name: string,
) {
  if ((await orNull(engine.start(name, { signal: input.signal }).then(() => true))) === true) return
  await checkMark(engine, names, input.resourceId, input.token, input.signal)
  throw new AppaloftError('start-failed', { message: `The container ${name} is gone.` })
}
