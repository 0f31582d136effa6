import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineAddress } from './address.js'
import { type Calls, EngineClient, EngineError } from './client.js'
import * as schemas from './schemas.js'

export interface Call {
  signal?: AbortSignal | undefined
}

type Filters = Record<string, string[]>

/** The calls of the engine's API that are used, one method each. Names of containers go where ids go. */
export class Engine {
  constructor(
    readonly address: EngineAddress,
    readonly client: EngineClient = new EngineClient(address),
    /** The way that calls go. */
    readonly calls: Calls = client,
  ) {}

  /**
   * Calls of `ordered` are sent at once, over one connection, and done one after the other in the order in which they were called: each may build on what the
   * one before has done, but for its answer. One that is refused stops none behind it, and a connection that is cut repeats none. Only for what
   * is answered soon, and not for `load`.
   *
   *     const [, gone] = await engine.inOrder((ordered) => Promise.allSettled([ordered.stop(name, 1), ordered.remove(name)]))
   */
  inOrder<T>(act: (ordered: Engine) => Promise<T>): Promise<T> {
    return this.client.inOrder((calls) => act(new Engine(this.address, this.client, calls)))
  }

  version = (call: Call = {}) => this.calls.json('/version', schemas.versionSchema, call)
  info = (call: Call = {}) => this.calls.json('/info', schemas.infoSchema, call)

  /** All, whatever their state. */
  containers = (label: string[], call: Call = {}) => {
    const query = { all: true, filters: { label } satisfies Filters }
    return this.calls.json('/containers/json', schemas.containerListSchema, { ...call, query })
  }

  container = (name: string, call: Call = {}) =>
    orNull(this.calls.json(`/containers/${name}/json`, schemas.containerSchema, call))

  create = async (name: string, body: object, call: Call = {}) =>
    (
      await this.calls.json('/containers/create', schemas.createdSchema, {
        ...call,
        method: 'POST',
        query: { name },
        body,
      })
    ).Id

  start = (name: string, call: Call = {}) => this.#post(`/containers/${name}/start`, call)
  /** @param seconds whole ones; without them the container's own time, by default 10 s */
  stop = (name: string, seconds: number | undefined, call: Call = {}) =>
    this.#post(`/containers/${name}/stop`, call, { t: seconds })
  kill = (name: string, signal: string, call: Call = {}) => this.#post(`/containers/${name}/kill`, call, { signal })
  rename = (name: string, to: string, call: Call = {}) => this.#post(`/containers/${name}/rename`, call, { name: to })
  update = (name: string, body: object, call: Call = {}) => this.#post(`/containers/${name}/update`, call, {}, body)

  /** With its anonymous volumes. */
  remove = (name: string, call: Call = {}) =>
    this.calls.text(`/containers/${name}`, { ...call, method: 'DELETE', query: { force: true, v: true } })
  /** The same, refused with 409 while it runs. */
  removeStopped = (name: string, call: Call = {}) =>
    this.calls.text(`/containers/${name}`, { ...call, method: 'DELETE', query: { v: true } })

  logs = (
    name: string,
    options: { follow: boolean; tail?: number | undefined },
    call: Call = {},
  ): Promise<Readable> => {
    const query = { stdout: true, stderr: true, follow: options.follow, tail: options.tail }
    return this.calls.stream(`/containers/${name}/logs`, { ...call, query })
  }

  putArchive = (name: string, path: string, archive: Buffer, call: Call = {}) =>
    this.calls.text(`/containers/${name}/archive`, { ...call, method: 'PUT', query: { path }, body: archive })

  /** Is there something at this path in the container's file system? */
  holds = async (name: string, path: string, call: Call = {}): Promise<boolean> => {
    const answer = await orNull(
      this.calls.stream(`/containers/${name}/archive`, { ...call, method: 'HEAD', query: { path } }),
    )
    answer?.resume()
    return answer !== null
  }

  /** Runs a command inside; its output as a stream of frames. */
  exec = async (name: string, body: object, call: Call = {}): Promise<{ id: string; output: Readable }> => {
    const settings = { ...call, method: 'POST' as const, body: { AttachStdout: true, AttachStderr: true, ...body } }
    const { Id: id } = await this.calls.json(`/containers/${name}/exec`, schemas.createdSchema, settings)
    const output = await this.calls.stream(`/exec/${id}/start`, {
      ...call,
      method: 'POST',
      body: { Detach: false, Tty: false },
    })
    return { id, output }
  }

  execExit = async (id: string, call: Call = {}) =>
    (await this.calls.json(`/exec/${id}/json`, schemas.execSchema, call)).ExitCode

  image = (name: string, call: Call = {}) => orNull(this.calls.json(`/images/${name}/json`, schemas.imageSchema, call))
  images = (label: string[], call: Call = {}) =>
    this.calls.json('/images/json', schemas.imageListSchema, {
      ...call,
      query: { filters: { label } satisfies Filters },
    })
  /** All, by whoever, but what builds leave between. */
  allImages = (call: Call = {}) => this.calls.json('/images/json', schemas.imageListSchema, call)
  /** The image as an archive: its layers, its configuration, and a list of both. */
  save = (image: string, call: Call = {}): Promise<Readable> => this.calls.stream(`/images/${image}/get`, call)
  /** JSON values, one after the other, once the archive was read. */
  load = (archive: Readable, call: Call = {}): Promise<Readable> =>
    this.calls.stream('/images/load', { ...call, method: 'POST', query: { quiet: true }, archive })
  /** JSON values, one after the other, while it goes on. */
  push = (name: string, tag: string, headers: Record<string, string>, call: Call = {}): Promise<Readable> =>
    this.calls.stream(`/images/${name}/push`, { ...call, method: 'POST', query: { tag }, headers })
  tag = (image: string, repo: string, tag: string, call: Call = {}) =>
    this.#post(`/images/${image}/tag`, call, { repo, tag })
  /** Takes one name from an image; the image goes with its last one. */
  untag = (name: string, call: Call = {}) => orNull(this.calls.text(`/images/${name}`, { ...call, method: 'DELETE' }))
  /** Its digest as the registry has it now. */
  distribution = (name: string, headers: Record<string, string>, call: Call = {}) =>
    this.calls.json(`/distribution/${name}/json`, schemas.distributionSchema, { ...call, headers })
  /** JSON values, one after the other, while it goes on. */
  pull = (
    name: string,
    headers: Record<string, string>,
    call: Call & { platform?: string | undefined } = {},
  ): Promise<Readable> => {
    const query = { fromImage: name, platform: call.platform }
    return this.calls.stream('/images/create', { signal: call.signal, method: 'POST', query, headers })
  }

  volumes = async (label: string[], call: Call = {}) => {
    const query = { filters: { label } satisfies Filters }
    return (await this.calls.json('/volumes', schemas.volumeListSchema, { ...call, query })).Volumes
  }
  /** Of a name that is there already, what is there. */
  createVolume = (body: object, call: Call = {}) =>
    this.calls.json('/volumes/create', schemas.volumeSchema, { ...call, method: 'POST', body })
  removeVolume = (name: string, call: Call = {}) =>
    orNull(this.calls.text(`/volumes/${name}`, { ...call, method: 'DELETE' }))

  networks = (label: string[], call: Call = {}) =>
    this.calls.json('/networks', schemas.networkListSchema, {
      ...call,
      query: { filters: { label } satisfies Filters },
    })
  network = (name: string, call: Call = {}) => orNull(this.calls.json(`/networks/${name}`, schemas.networkSchema, call))
  createNetwork = async (body: object, call: Call = {}) =>
    (await this.calls.json('/networks/create', schemas.createdSchema, { ...call, method: 'POST', body })).Id
  removeNetwork = (name: string, call: Call = {}) =>
    orNull(this.calls.text(`/networks/${name}`, { ...call, method: 'DELETE' }))
  connect = (network: string, container: string, endpoint: object, call: Call = {}) =>
    this.#post(`/networks/${network}/connect`, call, {}, { Container: container, EndpointConfig: endpoint })
  /** Also of a container that does not run. */
  disconnect = (network: string, container: string, call: Call = {}) =>
    this.#post(`/networks/${network}/disconnect`, call, {}, { Container: container, Force: true })

  #post = (path: string, call: Call, query: Record<string, string | number | undefined> = {}, body?: object) =>
    this.calls.text(path, { ...call, method: 'POST', query, ...(body === undefined ? {} : { body }) })
}

/** Where there is no such thing, null. */
export const orNull = <T>(asked: Promise<T>): Promise<T | null> =>
  asked.catch((error: unknown) => {
    if (error instanceof EngineError && error.status === 404) return null
    throw error
  })

const knownMs = 2_000

/** While a container is made, the engine keeps its name and lists it, and yet says of it that there is no such. Waits for that to pass. */
export async function untilKnown(engine: Engine, name: string, call: Call): Promise<void> {
  for (const began = performance.now(); performance.now() - began < knownMs; await sleep(20))
    if ((await engine.container(name, call)) !== null) return
}
