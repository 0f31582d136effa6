import type { Port, Range } from './ports.js'
import type { Service } from './service.js'
import { shown } from './variables.js'

/**
 * Container ports that are no web ports, whatever image has them: databases and caches, queues and their clusters, mail, files, names, shells,
 * and the ports on which debuggers wait.
 */
const notWeb = new Set([
  ...[
    1433, 1521, 3306, 5432, 5433, 6379, 6380, 7687, 8529, 9042, 9160, 11211, 26257, 27017, 27018, 27019, 28015, 33060,
  ],
  ...[
    2181, 2379, 2380, 4222, 4369, 5671, 5672, 6222, 9092, 9093, 9094, 9300, 19092, 25672, 29092, 1883, 8883, 61613,
    61616,
  ],
  ...[
    20, 21, 22, 23, 25, 53, 88, 110, 111, 123, 137, 139, 143, 161, 389, 445, 465, 514, 587, 636, 873, 993, 995, 1025,
    1194, 2049, 2525,
  ],
  ...[3389, 5900, 24224, 4317, 6831, 14268, 51820],
  ...[5005, 5858, 9003, 9229, 9230, 35729, 40000],
])
/** Encrypted web ports: the proxy speaks HTTP to services, and does the encrypting itself. */
const encrypted = new Set([443, 8443])

/** Images that support an application: they store, queue, or show what others do. One of them is served only where nothing else could be. */
const supporting =
  /^(?:adminer|phpmyadmin|pgadmin4?|pgweb|mongo-express|redis-commander|redisinsight|redis-stack|phpredisadmin|dbgate|cloudbeaver|mailhog|mailpit|mailcatcher|maildev|inbucket|smtp4dev|fake-smtp-server|rabbitmq|activemq|kafka-ui|kafdrop|akhq|redpanda|postgres|postgis|timescaledb|pgvector|mysql|mariadb|percona|mongo|mongodb|mongodb-community-server|redis|valkey|keydb|dragonfly|memcached|elasticsearch|opensearch|opensearch-dashboards|kibana|logstash|meilisearch|typesense|qdrant|weaviate|chroma|milvus|neo4j|cassandra|couchdb|clickhouse-server|clickhouse|influxdb|cockroach|etcd|zookeeper|consul|vault|nats|minio|localstack|azurite|dynamodb-local|fake-gcs-server|prometheus|alertmanager|pushgateway|node-exporter|cadvisor|grafana|loki|tempo|promtail|jaeger|all-in-one|zipkin|otel-collector|opentelemetry-collector|opentelemetry-collector-contrib|portainer|portainer-ce|dozzle|watchtower|selenium|standalone-chrome|standalone-firefox|browserless|gotenberg|swagger-ui|stripe-mock|wiremock|mockserver)$/

const imageName = (image: string): string => /([^/:@]+)(?::[^/@]*)?(?:@.*)?$/.exec(image)?.[1] ?? ''
const isSupporting = ({ image, build }: Service): boolean =>
  build === undefined && supporting.test(imageName(image ?? ''))

const numbers = ({ from, to }: Range): number[] =>
  Array.from({ length: Math.min(to - from + 1, 50) }, (_, i) => from + i)
const speaksHttp = ({ application }: Port): boolean =>
  application !== undefined && /^(?:https?|h2c?|http2|grpc)$/i.test(application)

/** The web ports among these, each once, in the order of the file. Null stands for one that a variable of the profile decides. */
export function webPorts(ports: readonly Port[]): (number | null)[] {
  const tcp = ports.filter(({ protocol }) => protocol === 'tcp')
  const said = tcp.filter(speaksHttp)
  const found = (said.length > 0 ? said : tcp).flatMap(({ target }) => (target === null ? [null] : numbers(target)))
  const web = [...new Set(found)].filter((port) => said.length > 0 || port === null || !notWeb.has(port))
  const clear = web.filter((port) => port === null || !encrypted.has(port))
  return clear.length > 0 ? clear : web
}

export interface Serving {
  /** The service that is served; absent where nothing decides. */
  service?: Service
  /** Why this one, or why none. */
  because: string
  /** Those that might be meant, likeliest first. */
  candidates: Service[]
}

/**
 * Which service takes the traffic: the one that the profile names, else the only one that publishes a web port, else the only one that exposes one, else
 * the only one there is. Supporting services count only where no other publishes or exposes anything.
 */
export function chooseService(services: readonly Service[], named: string | undefined): Serving {
  const running = services.filter(({ replicas }) => replicas !== 0)
  const publishing = running.filter(({ ports }) => webPorts(ports).length > 0)
  const exposing = running.filter(({ expose }) => webPorts(expose).length > 0)
  const candidates = [...new Set([...own(publishing), ...own(exposing), ...publishing, ...own(running), ...running])]
  if (named !== undefined) {
    const service = services.find(({ name }) => name === named)
    const because =
      service === undefined
        ? `network.targetServiceName names ${JSON.stringify(named)}, and there is no such service`
        : 'network.targetServiceName names it'
    return { ...(service === undefined ? {} : { service }), because, candidates }
  }
  for (const [group, plural, singular] of [
    [own(publishing), 'publish', 'publishes'],
    [own(exposing), 'expose', 'exposes'],
    [publishing, 'publish', 'publishes'],
    [exposing, 'expose', 'exposes'],
  ] as const) {
    const [service, ...more] = group
    if (service === undefined) continue
    if (more.length > 0) return { because: `${list(group)} ${plural} web ports`, candidates }
    const others = (singular === 'publishes' ? publishing : exposing).filter((one) => one !== service)
    const aside = others.length === 0 ? '' : `, beside supporting images (${list(others)})`
    return { service, because: `it is the only one that ${singular} a web port${aside}`, candidates }
  }
  const [service, ...more] = running
  if (service !== undefined && more.length === 0) return { service, because: 'it is the only one', candidates }
  return { because: 'no service publishes or exposes a web port', candidates }
}

const own = (services: readonly Service[]): Service[] => services.filter((service) => !isSupporting(service))

export const list = (services: readonly Service[]): string => {
  const names = services.slice(0, 10).map(({ name }) => name)
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

export interface InternalPort {
  /** The port on which the service listens; absent where nothing decides. */
  port?: number
  from: 'ports' | 'expose'
  /** Those that might be meant. */
  candidates: number[]
  /** Written with a variable whose value only the target knows. */
  opaque: boolean
}

/** The one container port of a service: of those that it publishes, else of those that it exposes. */
export function internalPort({ ports, expose }: Service): InternalPort {
  const published = webPorts(ports)
  const found = published.length > 0 ? published : webPorts(expose)
  const from = published.length > 0 ? 'ports' : 'expose'
  const candidates = found.filter((port) => port !== null)
  const [port] = candidates
  const single = found.length === 1 && port !== undefined
  return { ...(single ? { port } : {}), from, candidates, opaque: found.includes(null) }
}

/** A port as it is written in a Compose file. */
export const written = ({ hostIp, published, target, protocol }: Port): string => {
  const container = target === null ? '?' : target.from === target.to ? `${target.from}` : `${target.from}-${target.to}`
  const host = published === undefined ? '' : `${published}:`
  return shown(
    `${hostIp === undefined ? '' : `${hostIp}:`}${host}${container}${protocol === 'tcp' ? '' : `/${protocol}`}`,
  )
}
