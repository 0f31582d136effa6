import { createHash } from 'node:crypto'
import type { Image } from '../api/schemas.js'
import { label, type Names } from '../names.js'
import { folderVolume, folderWord } from './files.js'
import type { Mount, Project, Service } from './model.js'
import { projectName } from './resolve.js'

/** What the container of a service is asked of the engine with, as far as its service alone says it. */
export interface Shape {
  names: Names
  resourceId: string
  project: Project
  name: string
  service: Service
  image: Image
  index: number
  /** It stays from release to release: a volume without a name would be lost when it is changed. */
  stays: boolean
}

type Json = Record<string, unknown>
const given = (fields: Json): Json =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0),
    ),
  )

/** Entrypoint and command as one; null: what the image starts by itself. A new entrypoint takes the image's command away. */
export function argvOf({ entrypoint, command }: Service, image: Image): string[] | null {
  if (entrypoint === null && command === null) return null
  const first = entrypoint ?? image.Config.Entrypoint
  return [...first, ...(command ?? (entrypoint === null ? image.Config.Cmd : []))]
}

export const composeLabels = ({ names, resourceId, name, index, service }: Shape): Record<string, string> => ({
  ...service.labels,
  // Compose’s own commands find them: `docker compose -p … ps` and `logs`.
  'com.docker.compose.project': projectName(names.scope, resourceId),
  'com.docker.compose.service': name,
  'com.docker.compose.container-number': String(index + 1),
  'com.docker.compose.oneoff': 'False',
})

/** Fields of the container. Ports, networks and restarts are its role's affair. */
export const containerFields = ({ service }: Shape): Json =>
  given({
    WorkingDir: service.working_dir,
    User: service.user,
    Hostname: service.hostname,
    Domainname: service.domainname,
    Tty: service.tty,
    OpenStdin: service.stdin_open,
    StopSignal: service.stop_signal,
    StopTimeout: service.stop_grace_period === undefined ? undefined : Math.ceil(service.stop_grace_period / 1e9),
    Healthcheck: healthOf(service),
  })

function healthOf({ healthcheck }: Service): Json | undefined {
  if (healthcheck === null || healthcheck === undefined) return undefined
  if (healthcheck.disable) return { Test: ['NONE'] }
  return given({
    Test: healthcheck.test,
    Interval: healthcheck.interval,
    Timeout: healthcheck.timeout,
    StartPeriod: healthcheck.start_period,
    StartInterval: healthcheck.start_interval,
    Retries: healthcheck.retries,
  })
}

export function hostFields(shape: Shape): Json {
  const { service } = shape
  const { limits, reservations } = service.deploy?.resources ?? {}
  const cpus = limits?.cpus ?? service.cpus
  const memory = limits?.memory ?? service.mem_limit
  return given({
    Init: service.init,
    Privileged: service.privileged,
    ReadonlyRootfs: service.read_only,
    CapAdd: service.cap_add,
    CapDrop: service.cap_drop,
    SecurityOpt: service.security_opt.map((one) => one.replace(/^(seccomp|apparmor|label|no-new-privileges):/, '$1=')),
    GroupAdd: service.group_add,
    Dns: service.dns,
    DnsSearch: service.dns_search,
    DnsOptions: service.dns_opt,
    ExtraHosts: service.extra_hosts.map((one) => one.replace('=', ':')),
    Sysctls: Object.keys(service.sysctls).length === 0 ? undefined : service.sysctls,
    Ulimits: Object.entries(service.ulimits).map(([Name, one]) =>
      typeof one === 'number' ? { Name, Soft: one, Hard: one } : { Name, Soft: one.soft, Hard: one.hard },
    ),
    Devices: service.devices.map((one) => {
      const [source, target, permissions] =
        typeof one === 'string' ? one.split(':') : [one.source, one.target, one.permissions]
      return { PathOnHost: source, PathInContainer: target ?? source, CgroupPermissions: permissions ?? 'rwm' }
    }),
    ShmSize: service.shm_size,
    Tmpfs:
      service.tmpfs.length === 0
        ? undefined
        : Object.fromEntries(service.tmpfs.map((one) => [one.split(':')[0], one.split(':').slice(1).join(':')])),
    Memory: memory,
    MemoryReservation: reservations?.memory ?? service.mem_reservation,
    MemorySwap: service.memswap_limit ?? (limits?.memory === undefined ? undefined : memory),
    NanoCpus: cpus === undefined ? undefined : Math.round(Number(cpus) * 1e9),
    CpuShares: service.cpu_shares,
    CpusetCpus: service.cpuset,
    PidsLimit: limits?.pids ?? service.pids_limit,
    OomKillDisable: service.oom_kill_disable,
    OomScoreAdj: service.oom_score_adj,
    UsernsMode: service.userns_mode,
    UTSMode: service.uts,
    Runtime: service.runtime,
    LogConfig:
      service.logging?.driver === undefined
        ? undefined
        : { Type: service.logging.driver, Config: service.logging.options },
    Mounts: service.volumes.map((mount) => mountOf(shape, mount)),
  })
}

/** Volumes of an image that the service mounts nothing at: theirs would be lost when the service is changed. */
export function imageVolumes({ names, resourceId, name, service, image, index }: Shape): Json[] {
  const covered = new Set([
    ...service.volumes.map(({ target }) => target.replace(/\/+$/, '')),
    ...service.tmpfs.map((one) => one.split(':')[0]),
  ])
  return image.Config.Volumes.filter((path) => !covered.has(path.replace(/\/+$/, ''))).map((path) => ({
    Type: 'volume',
    Source: names.volume(resourceId, ofPath(name, index, path)),
    Target: path,
    VolumeOptions: { Labels: names.labels({ resourceId }, 'volume', { [label.service]: name }) },
  }))
}

const ofPath = (service: string, index: number, path: string): string =>
  `of-${service}-${index}-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`

function mountOf(shape: Shape, mount: Mount): Json {
  const { target, read_only: ReadOnly } = mount
  if (mount.type === 'tmpfs')
    return {
      Type: 'tmpfs',
      Target: target,
      TmpfsOptions: given({ SizeBytes: mount.tmpfs?.size, Mode: mount.tmpfs?.mode }),
    }
  if (mount.type === 'bind')
    return {
      Type: 'bind',
      Source: mount.source,
      Target: target,
      ReadOnly,
      BindOptions: given({ Propagation: mount.bind?.propagation }),
    }
  return { ...volumeOf(shape, mount.source, target), Target: target, ReadOnly }
}

function volumeOf(
  { names, resourceId, project, name, index, stays }: Shape,
  source: string | undefined,
  target: string,
): Json {
  const labels = names.labels({ resourceId }, 'volume')
  const own = (word: string, more: Json = {}) => ({
    Type: 'volume',
    Source: names.volume(resourceId, word),
    VolumeOptions: { Labels: labels, ...more },
  })
  if (source === undefined) return stays ? own(ofPath(name, index, target)) : { Type: 'volume' }
  if (source.startsWith(folderVolume(''))) return own(folderWord(source.slice(2)))
  const volume = project.volumes[source]
  const options = given({
    DriverConfig:
      volume?.driver === undefined && Object.keys(volume?.driver_opts ?? {}).length === 0
        ? undefined
        : { Name: volume?.driver ?? 'local', Options: volume?.driver_opts },
  })
  const fixed = volume?.name !== undefined && volume.name !== `${projectName(names.scope, resourceId)}_${source}`
  if (volume?.external) return { Type: 'volume', Source: volume.name ?? source }
  if (fixed) return { Type: 'volume', Source: volume.name, VolumeOptions: { Labels: labels, ...options } }
  return own(source, options)
}
