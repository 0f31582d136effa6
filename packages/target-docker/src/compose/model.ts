import { AppaloftError } from '@appaloft/core/spec'
import { z } from 'zod'

/*
 * A project as `docker compose config --format json` resolves it: of each key the one form that it has there. Versions of Compose differ in
 * whether numbers are text.
 */

const scalar = z.union([z.string(), z.number(), z.boolean()])
const text = scalar.transform(String)
const texts = z
  .array(text)
  .nullish()
  .transform((value) => value ?? [])
const words = z
  .array(text)
  .nullish()
  .transform((value) => value ?? null)
const mapping = z
  .record(z.string(), scalar.nullable())
  .nullish()
  .transform((value) =>
    Object.fromEntries(Object.entries(value ?? {}).flatMap(([key, one]) => (one === null ? [] : [[key, String(one)]]))),
  )
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? [])
const record = <T extends z.ZodType>(item: T) =>
  z
    .record(z.string(), item.nullable())
    .nullish()
    .transform(
      (value) =>
        Object.fromEntries(Object.entries(value ?? {}).filter((one) => one[1] !== null)) as Record<string, z.infer<T>>,
    )
const yes = z.boolean().nullish().transform(Boolean)

/** Bytes, as a number or as `64m`. */
export const bytesOf = (value: string): number => {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?$/i.exec(value.trim()) ?? []
  return count === '' ? 0 : Math.round(Number(count) * 1024 ** Math.max(0, 'bkmgt'.indexOf(unit.toLowerCase())))
}
const bytes = text.transform(bytesOf)

const durations = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 } as const

/** Nanoseconds of `1m30s`. */
export const nanosecondsOf = (value: string): number =>
  Number(value) ||
  [...value.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * durations[unit as keyof typeof durations],
    0,
  )
const nanoseconds = text.transform(nanosecondsOf).optional()

export const mountSchema = z.object({
  type: z.enum(['bind', 'volume', 'tmpfs']),
  source: z.string().optional(),
  target: z.string(),
  read_only: yes,
  bind: z.object({ create_host_path: z.boolean().nullish(), propagation: z.string().nullish() }).nullish(),
  volume: z.object({ nocopy: yes }).nullish(),
  tmpfs: z.object({ size: bytes.optional(), mode: z.number().optional() }).nullish(),
})
export type Mount = z.infer<typeof mountSchema>

const fileSchema = z.object({ source: z.string(), target: z.string().optional(), mode: text.optional() })
const limits = z.object({ cpus: text.optional(), memory: bytes.optional(), pids: z.number().optional() })

const buildSchema = z.object({
  context: z.string(),
  dockerfile: z.string().optional(),
  dockerfile_inline: z.string().optional(),
  target: z.string().optional(),
  args: mapping,
  secrets: list(fileSchema),
  network: z.string().optional(),
  shm_size: bytes.optional(),
  no_cache: yes,
})
export type BuildOfService = z.infer<typeof buildSchema>

const service = {
  image: z.string().optional(),
  pull_policy: z.string().optional(),
  build: buildSchema.nullish(),
  command: words,
  entrypoint: words,
  environment: mapping,
  labels: mapping,
  working_dir: z.string().optional(),
  user: text.optional(),
  hostname: z.string().optional(),
  domainname: z.string().optional(),
  tty: yes,
  stdin_open: yes,
  stop_signal: z.string().optional(),
  stop_grace_period: nanoseconds,
  init: z.boolean().nullish(),
  privileged: yes,
  read_only: yes,
  cap_add: texts,
  cap_drop: texts,
  security_opt: texts,
  group_add: texts,
  dns: texts,
  dns_search: texts,
  dns_opt: texts,
  extra_hosts: texts,
  sysctls: mapping,
  ulimits: record(z.union([z.number(), z.object({ soft: z.number(), hard: z.number() })])),
  devices: list(
    z.union([z.string(), z.object({ source: z.string(), target: z.string(), permissions: z.string().optional() })]),
  ),
  shm_size: bytes.optional(),
  tmpfs: texts,
  volumes: list(mountSchema),
  ports: list(
    z.object({
      target: z.number(),
      published: text.optional(),
      protocol: z.string().optional(),
      host_ip: z.string().optional(),
    }),
  ),
  networks: z
    .record(z.string(), z.object({ aliases: texts, ipv4_address: z.string().optional() }).nullable())
    .nullish()
    .transform((value) => value ?? {}),
  network_mode: z.string().optional(),
  restart: z.string().optional(),
  healthcheck: z
    .object({
      disable: yes,
      test: texts,
      interval: nanoseconds,
      timeout: nanoseconds,
      start_period: nanoseconds,
      start_interval: nanoseconds,
      retries: z.number().optional(),
    })
    .nullish(),
  depends_on: record(z.object({ condition: z.string(), required: z.boolean().optional() })),
  deploy: z
    .object({
      replicas: z.number().nullish(),
      resources: z.object({ limits: limits.nullish(), reservations: limits.nullish() }).nullish(),
    })
    .nullish(),
  scale: z.number().nullish(),
  mem_limit: bytes.optional(),
  mem_reservation: bytes.optional(),
  memswap_limit: bytes.optional(),
  cpus: text.optional(),
  cpu_shares: z.number().optional(),
  cpuset: text.optional(),
  pids_limit: z.number().optional(),
  oom_kill_disable: yes,
  oom_score_adj: z.number().optional(),
  ipc: z.string().optional(),
  pid: z.string().optional(),
  uts: z.string().optional(),
  userns_mode: z.string().optional(),
  runtime: z.string().optional(),
  logging: z.object({ driver: z.string().optional(), options: mapping }).nullish(),
  platform: z.string().optional(),
  container_name: z.string().optional(),
  secrets: list(fileSchema),
  configs: list(fileSchema),
  links: texts,
} as const
export const serviceSchema = z.object(service)
export type Service = z.infer<typeof serviceSchema>

/** Keys that say nothing about what runs, or that were settled when the project was resolved. */
const settled = ['profiles', 'expose', 'env_file', 'attach', 'develop', 'annotations']
const settledOfBuild = ['labels', 'tags', 'cache_from', 'cache_to', 'pull', 'provenance', 'sbom']

const resource = z.object({ name: z.string().optional(), external: z.union([z.boolean(), z.object({})]).nullish() })
const fileSource = z.object({
  ...resource.shape,
  file: z.string().optional(),
  environment: z.string().optional(),
  content: z.string().optional(),
})

export const projectSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  networks: record(
    z.object({
      ...resource.shape,
      driver: z.string().optional(),
      driver_opts: mapping,
      internal: yes,
      attachable: yes,
      enable_ipv6: yes,
      labels: mapping,
      ipam: z.object({ driver: z.string().optional(), config: list(z.record(z.string(), z.unknown())) }).nullish(),
    }),
  ),
  volumes: record(
    z.object({ ...resource.shape, driver: z.string().optional(), driver_opts: mapping, labels: mapping }),
  ),
  secrets: record(fileSource),
  configs: record(fileSource),
})
export type Project = z.infer<typeof projectSchema>

export const invalid = (message: string, place?: string): AppaloftError =>
  new AppaloftError('compose-invalid', {
    phase: 'execute',
    message,
    details: { profileField: 'runtime.composeFiles', ...(place === undefined ? {} : { place }) },
    recoveryHint: 'Change the Compose file, or name other files in runtime.composeFiles; then deploy again.',
  })

/** What a service asks for and this target does not give is refused by name: to leave it out would run something else. */
export function refuseUnknown(services: Record<string, Record<string, unknown>>): void {
  for (const [name, one] of Object.entries(services)) {
    const keys = Object.entries(one).filter(([, value]) => value !== null && value !== undefined)
    const unknown = keys.find(([key]) => !(key in service) && !settled.includes(key) && !key.startsWith('x-'))
    if (unknown !== undefined) throw notOffered(`services.${name}.${unknown[0]}`)
    const build = one.build
    if (typeof build !== 'object' || build === null) continue
    for (const key of Object.keys(build))
      if (!(key in buildSchema.shape) && !settledOfBuild.includes(key) && !key.startsWith('x-'))
        throw notOffered(`services.${name}.build.${key}`)
  }
}

export const notOffered = (place: string) => invalid(`This target does not know what to do with ${place}.`, place)

export const replicasOf = ({ deploy, scale }: Service): number => deploy?.replicas ?? scale ?? 1
