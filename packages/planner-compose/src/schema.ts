import {
  anything,
  check,
  each,
  either,
  fields,
  flag,
  listOf,
  nothing,
  number,
  oneOrMore,
  only,
  pairs,
  type Shape,
  text,
  texts,
} from './shape.js'
import type { Mapping } from './tree.js'

const name = /^[a-zA-Z0-9._-]+$/
const command = either(nothing, oneOrMore)
const options = each({ text: true, number: true, nothing: true })
const hosts = either(texts, each(oneOrMore))
const bigNumber = number
const ulimits = each(either(number, fields({ hard: number, soft: number })))
const granted = listOf(either(text, fields({ source: text, target: text, uid: text, gid: text, mode: number })))
const external = either(flag, fields({ name: text }))
const hook = fields({ command, user: text, privileged: flag, working_dir: text, environment: pairs })
const deviceRequests = listOf(
  fields({ capabilities: texts, count: number, device_ids: texts, driver: text, options: pairs }),
)
const rates = listOf(fields({ path: text, rate: number }))

const build = either(
  text,
  fields({
    context: text,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: texts,
    args: pairs,
    ssh: either(text, pairs),
    labels: pairs,
    cache_from: texts,
    cache_to: texts,
    no_cache: flag,
    no_cache_filter: oneOrMore,
    additional_contexts: pairs,
    network: text,
    provenance: flag,
    sbom: flag,
    pull: flag,
    target: text,
    shm_size: bigNumber,
    extra_hosts: hosts,
    isolation: text,
    privileged: flag,
    secrets: granted,
    tags: texts,
    ulimits,
    platforms: texts,
  }),
)

const updates = fields({
  parallelism: number,
  delay: text,
  failure_action: text,
  monitor: text,
  max_failure_ratio: number,
  order: only('start-first', 'stop-first'),
})
const deploy = either(
  nothing,
  fields({
    mode: text,
    endpoint_mode: text,
    replicas: number,
    labels: pairs,
    rollback_config: updates,
    update_config: updates,
    resources: fields({
      limits: fields({ cpus: number, memory: text, pids: number }),
      reservations: fields({
        cpus: number,
        memory: text,
        generic_resources: listOf(fields({ discrete_resource_spec: fields({ kind: text, value: number }) })),
        devices: deviceRequests,
      }),
    }),
    restart_policy: fields({ condition: text, delay: text, max_attempts: number, window: text }),
    placement: fields({
      constraints: texts,
      preferences: listOf(fields({ spread: text })),
      max_replicas_per_node: number,
    }),
  }),
)

const healthcheck = fields({
  disable: flag,
  interval: text,
  retries: number,
  test: oneOrMore,
  timeout: text,
  start_period: text,
  start_interval: text,
})

const port = fields({
  name: text,
  mode: text,
  host_ip: text,
  target: number,
  published: number,
  protocol: text,
  app_protocol: text,
})

const mount = fields({
  type: only('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image'),
  source: text,
  target: text,
  read_only: flag,
  consistency: text,
  bind: fields({ propagation: text, create_host_path: flag, recursive: text, selinux: text }),
  volume: fields({ labels: pairs, nocopy: flag, subpath: text }),
  tmpfs: fields({ size: number, mode: number }),
  image: fields({ subpath: text }),
})

const attachment = either(
  nothing,
  fields({
    aliases: texts,
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: texts,
    mac_address: text,
    driver_opts: options,
    priority: number,
    gw_priority: number,
  }),
)

const watch = listOf(
  fields({
    ignore: oneOrMore,
    include: oneOrMore,
    path: text,
    action: text,
    target: text,
    exec: hook,
    initial_sync: flag,
  }),
)

const all = (shape: Shape, keys: string): Record<string, Shape> =>
  Object.fromEntries(keys.split(' ').map((key) => [key, shape]))

const service = fields({
  ...all(
    text,
    'cgroup cgroup_parent container_name cpuset domainname hostname image ipc isolation mac_address network_mode platform pull_policy ' +
      'pull_refresh_after restart runtime stop_grace_period stop_signal user uts userns_mode working_dir',
  ),
  ...all(
    number,
    'cpu_count cpu_percent cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime cpus mem_limit mem_reservation mem_swappiness ' +
      'memswap_limit oom_score_adj pids_limit scale shm_size',
  ),
  ...all(flag, 'attach init oom_kill_disable privileged read_only stdin_open tty use_api_socket'),
  ...all(texts, 'cap_add cap_drop device_cgroup_rules dns_opt external_links links profiles security_opt volumes_from'),
  ...all(pairs, 'annotations labels sysctls'),
  ...all(oneOrMore, 'dns dns_search tmpfs label_file'),
  build,
  deploy,
  healthcheck,
  blkio_config: fields({
    ...all(rates, 'device_read_bps device_read_iops device_write_bps device_write_iops'),
    weight: number,
    weight_device: listOf(fields({ path: text, weight: number })),
  }),
  command,
  configs: granted,
  credential_spec: fields({ config: text, file: text, registry: text }),
  depends_on: either(
    texts,
    each(
      fields({
        restart: flag,
        required: flag,
        condition: only('service_started', 'service_healthy', 'service_completed_successfully'),
      }),
      name,
    ),
  ),
  develop: either(nothing, fields({ watch })),
  devices: listOf(either(text, fields({ source: text, target: text, permissions: text }))),
  entrypoint: command,
  env_file: either(text, listOf(either(text, fields({ path: text, format: text, required: flag })))),
  environment: pairs,
  expose: listOf(number),
  extends: either(text, fields({ service: text, file: text })),
  extra_hosts: hosts,
  gpus: either(only('all'), deviceRequests),
  group_add: listOf(number),
  logging: fields({ driver: text, options }),
  models: either(texts, each(either(nothing, fields({ endpoint_var: text, model_var: text })))),
  networks: either(texts, each(attachment)),
  pid: either(text, nothing),
  ports: listOf(either(number, port)),
  post_start: listOf(hook),
  pre_stop: listOf(hook),
  provider: fields({ type: text, options: anything }),
  secrets: granted,
  storage_opt: anything,
  ulimits,
  volumes: listOf(either(text, mount)),
})

const network = either(
  nothing,
  fields({
    name: text,
    driver: text,
    driver_opts: options,
    ipam: fields({
      driver: text,
      config: listOf(
        either(nothing, fields({ subnet: text, ip_range: text, gateway: text, aux_addresses: each(text) })),
      ),
      options: each(text),
    }),
    external,
    ...all(flag, 'internal enable_ipv4 enable_ipv6 attachable'),
    labels: pairs,
  }),
)

const volume = either(nothing, fields({ name: text, driver: text, driver_opts: options, external, labels: pairs }))
const file = { name: text, environment: text, file: text, external, labels: pairs, template_driver: text }

const project = fields({
  version: text,
  name: text,
  include: either(
    nothing,
    listOf(either(text, fields({ path: oneOrMore, env_file: oneOrMore, project_directory: text }))),
  ),
  services: each(service, name),
  models: each(fields({ name: text, model: text, context_size: number, runtime_flags: texts }), name),
  networks: each(network, name),
  volumes: each(volume, name),
  secrets: each(fields({ ...file, driver: text, driver_opts: options }), name),
  configs: each(fields({ ...file, content: text }), name),
})

/**
 * Compares a document with the Compose specification: which keys there are, and what stands behind each. What must be there is not asked:
 * another file may say it.
 *
 * @throws ComposeProblem for the first difference.
 */
export const checkShape = (document: Mapping): void => check(document, project, '')
