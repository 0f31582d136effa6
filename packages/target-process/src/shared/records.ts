import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, isRecord, type JsonRecord, readRecord } from './files.js'
import { type Layout, type Ref, releaseFiles } from './paths.js'
import { type ProcessIdentity, parseIdentity } from './processes.js'

/** How the port of a release is found. `free`: chosen by the keeper; `fixed`: the plan's; `none`: it does not listen. */
export type PortRule = { kind: 'free' } | { kind: 'fixed'; port: number } | { kind: 'none' }

/** What is wanted: written before anything is done, kept until the release is removed. Holds the environment in clear, hence 0600. */
export interface ReleaseMeta {
  ref: Ref
  /** The token under which it was started. */
  token: number
  /** The build folder's name, so that discarding knows what is in use. */
  build: string
  kind: 'process' | 'static'
  /** Absolute: where its commands run. */
  directory: string
  argv: string[]
  environment: Record<string, string>
  port: PortRule
  /** What the plan calls the port. */
  internalPort: number | null
  /** Does the release read its port from PORT? */
  portVariable: boolean
  replicas: number
  spaFallback: boolean
  desired: 'running' | 'stopped'
  /** Only a promoted release is started again after a crash: a candidate's end is the answer to its attempt. */
  promoted: boolean
  createdAt: string
}

export interface InstanceRecord {
  index: number
  state: 'starting' | 'running' | 'restarting' | 'exited'
  identity: ProcessIdentity | null
  port: number | null
  exitCode: number | null
  signal: string | null
  restarts: number
  startedAt: string | null
}

/** What is: rewritten with each change. */
export interface ReleaseState {
  instances: InstanceRecord[]
}

const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null)
const stringOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const isStrings = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every((one) => typeof one === 'string')

export function parseRef(value: unknown): Ref | null {
  if (!isRecord(value)) return null
  const { resourceId, deploymentId, releaseId } = value
  if (typeof resourceId !== 'string' || typeof deploymentId !== 'string' || typeof releaseId !== 'string') return null
  return { resourceId, deploymentId, releaseId }
}

function parsePort(value: unknown): PortRule | null {
  if (!isRecord(value)) return null
  if (value.kind === 'free' || value.kind === 'none') return { kind: value.kind }
  if (value.kind === 'fixed' && typeof value.port === 'number') return { kind: 'fixed', port: value.port }
  return null
}

/** What comes back from a file or over the socket is looked at before it is believed. */
export function parseMeta(value: unknown): ReleaseMeta | null {
  if (!isRecord(value)) return null
  const ref = parseRef(value.ref)
  const port = parsePort(value.port)
  const { token, build, kind, directory, argv, environment, portVariable, replicas } = value
  const { spaFallback, desired, promoted, createdAt } = value
  if (ref === null || port === null || typeof token !== 'number' || typeof build !== 'string') return null
  if (kind !== 'process' && kind !== 'static') return null
  if (typeof directory !== 'string' || !Array.isArray(argv) || !argv.every((one) => typeof one === 'string'))
    return null
  if (!isStrings(environment) || typeof portVariable !== 'boolean' || typeof replicas !== 'number') return null
  if (typeof spaFallback !== 'boolean' || typeof promoted !== 'boolean' || typeof createdAt !== 'string') return null
  if (desired !== 'running' && desired !== 'stopped') return null
  return {
    ref,
    token,
    build,
    kind,
    directory,
    argv,
    environment,
    port,
    internalPort: numberOrNull(value.internalPort),
    portVariable,
    replicas,
    spaFallback,
    desired,
    promoted,
    createdAt,
  }
}

function parseInstance(value: unknown): InstanceRecord | null {
  if (!isRecord(value) || typeof value.index !== 'number') return null
  const { state } = value
  if (state !== 'starting' && state !== 'running' && state !== 'restarting' && state !== 'exited') return null
  return {
    index: value.index,
    state,
    identity: parseIdentity(value.identity),
    port: numberOrNull(value.port),
    exitCode: numberOrNull(value.exitCode),
    signal: stringOrNull(value.signal),
    restarts: numberOrNull(value.restarts) ?? 0,
    startedAt: stringOrNull(value.startedAt),
  }
}

export function parseState(value: JsonRecord | null): ReleaseState {
  const instances = Array.isArray(value?.instances) ? value.instances : []
  return { instances: instances.flatMap((one) => parseInstance(one) ?? []) }
}

export const readMeta = (folder: string): ReleaseMeta | null => parseMeta(readRecord(releaseFiles(folder).meta))
export const readState = (folder: string): ReleaseState => parseState(readRecord(releaseFiles(folder).state))

export function folderNames(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return []
    throw error
  }
}

/** Every release folder that carries our label; a folder without a readable one is not ours to touch. */
export function knownReleases(layout: Layout, resourceId?: string): { folder: string; meta: ReleaseMeta }[] {
  const resources = resourceId === undefined ? folderNames(layout.releases) : [resourceId]
  return resources.flatMap((resource) => {
    const parent = layout.releasesOf(resource)
    return folderNames(parent).flatMap((name) => {
      const folder = join(parent, name)
      const meta = readMeta(folder)
      return meta !== null && layout.release(meta.ref) === folder ? [{ folder, meta }] : []
    })
  })
}
