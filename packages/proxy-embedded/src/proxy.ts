import {
  AppaloftError,
  addressSchema,
  type CallOptions,
  type Endpoint,
  type Proxy,
  type ProxyCapabilities,
  type ProxyObservation,
  routeTableSchema,
} from '@appaloft/core/spec'
import { ControlClient, NotRunning, unavailable } from './client.js'
import type { EmbeddedProxyOptions } from './options.js'
import { tableFile } from './paths.js'
import type { ListenWish } from './protocol.js'
import { readStored, type StoredResource } from './stored.js'

const capabilities: ProxyCapabilities = Object.freeze({
  staged: true,
  identity: true,
  websocket: true,
  tls: false,
  wildcardHostnames: true,
  resourcePort: true,
  promotionVisibleMs: 10,
  fencing: 'compare',
  inFlight: true,
} as const)

/**
 * A small reverse proxy in a process of its own, which the target keeps alive: it serves on while no engine runs. This is its client.
 *
 * - Needs no other software; offers no TLS (put a TLS proxy in front, whose forwarding headers are passed on when it connects over
 *   loopback). `tls: 'auto'` is served as `off`.
 * - A `*.` hostname covers one label, as in certificates; an exact hostname goes before a wildcard, then the longest path prefix wins.
 * - `apply` and `remove` refuse tokens below the fence and nothing else: only `fence` raises it.
 * - `mark`, and whatever is asked about a resource without routes, never starts the process: then the table on disk answers.
 * - Routes without a hostname get a port of the resource's own on 127.0.0.1, kept until `remove`.
 */
export function embedded(options: EmbeddedProxyOptions = {}): Proxy {
  const listen: ListenWish = {}
  if (options.host !== undefined) listen.host = options.host
  if (options.port !== undefined && options.port !== 0) listen.port = options.port
  if (listen.port !== undefined && !(Number.isInteger(listen.port) && listen.port > 0 && listen.port < 65_536)) {
    throw new AppaloftError('invalid-composition', {
      message: 'The port of the embedded proxy is not between 1 and 65535.',
    })
  }
  let opened: ControlClient | null = null

  const client = (): ControlClient => {
    if (opened !== null) return opened
    throw new AppaloftError('invalid-composition', { message: 'The embedded proxy was not opened by a target.' })
  }
  const stored = async (resourceId: string): Promise<StoredResource | undefined> => {
    try {
      return (await readStored(tableFile(client().stateDir))).resources.get(resourceId)
    } catch (error) {
      throw unavailable(
        `The proxy’s table cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'not understood'}.`,
      )
    }
  }
  /** `absent` answers where no process runs and the resource has no routes. */
  const askKnown = async <T>(
    call: Parameters<ControlClient['ask']>[0] & { resourceId: string },
    callOptions: CallOptions | undefined,
    absent: (entry: StoredResource | undefined) => T,
  ): Promise<{ value: unknown } | { absent: T }> => {
    try {
      return { value: await client().ask(call, callOptions) }
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error
    }
    const entry = await stored(call.resourceId)
    if (entry?.table == null) return { absent: absent(entry) }
    return { value: await client().askRunning(call, callOptions) }
  }

  return {
    specVersion: 1,
    key: options.key ?? 'embedded',
    capabilities,

    async open(context) {
      opened?.close()
      opened = new ControlClient(context.stateDir, context.ensure)
    },

    async mark(resourceId, callOptions) {
      try {
        return wholeNumber(await client().ask({ call: 'mark', resourceId }, callOptions))
      } catch (error) {
        if (!(error instanceof NotRunning)) throw error
        return (await stored(resourceId))?.token ?? 0
      }
    },

    async fence(resourceId, token, { expected, owner, ...callOptions }) {
      if (token < 1) throw new AppaloftError('invalid-input', { message: 'A token is at least 1.' })
      await client().askRunning({ call: 'fence', resourceId, token, expected, owner }, callOptions)
    },

    async apply(resourceId, table, token, callOptions) {
      const parsed = routeTableSchema.safeParse(table)
      if (!parsed.success) {
        const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
        throw new AppaloftError('invalid-input', { message: 'The route table is not valid.', details: { issues } })
      }
      await client().askRunning({ call: 'apply', resourceId, token, table: parsed.data, listen }, callOptions)
    },

    async observe(resourceId, callOptions) {
      const found = await askKnown({ call: 'observe', resourceId }, callOptions, (entry) => entry?.token ?? 0)
      return 'absent' in found ? { table: null, token: found.absent, inFlight: [] } : parseObservation(found.value)
    },

    async endpoint(resourceId, callOptions) {
      const found = await askKnown({ call: 'endpoint', resourceId }, callOptions, () => null)
      if ('value' in found) return parseEndpoint(found.value)
      throw new AppaloftError('resource-not-found', {
        message: `The proxy has no route of ${resourceId}.`,
        details: { resourceId },
      })
    },

    async remove(resourceId, token, callOptions) {
      const found = await askKnown({ call: 'remove', resourceId, token }, callOptions, (entry) => entry?.token ?? 0)
      if ('absent' in found) refuseBelow(resourceId, token, found.absent)
    },

    async cut(resourceId, deploymentId, token, callOptions) {
      try {
        await client().ask({ call: 'cut', resourceId, deploymentId, token }, callOptions)
      } catch (error) {
        // Where no process runs, nothing is open.
        if (!(error instanceof NotRunning)) throw error
        refuseBelow(resourceId, token, (await stored(resourceId))?.token ?? 0)
      }
    },

    async close() {
      opened?.close()
    },
  }
}

function refuseBelow(resourceId: string, token: number, mark: number): void {
  if (token < mark) throw new AppaloftError('fenced', { details: { resourceId, token, mark } })
}

const misread = () => unavailable('The proxy’s process gave an answer that cannot be read.')

function wholeNumber(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number
  throw misread()
}

function parseObservation(value: unknown): ProxyObservation {
  const { table, token, inFlight } = (value ?? {}) as Record<string, unknown>
  if (!Array.isArray(inFlight)) throw misread()
  return {
    table: table === null ? null : routeTableSchema.parse(table),
    token: wholeNumber(token),
    inFlight: inFlight.map(({ deploymentId, count }) => ({
      deploymentId: String(deploymentId),
      count: wholeNumber(count),
    })),
  }
}

function parseEndpoint(value: unknown): Endpoint {
  const { address, publicPort } = (value ?? {}) as Record<string, unknown>
  return { address: addressSchema.parse(address), publicScheme: 'http', publicPort: wholeNumber(publicPort) }
}
