import { silent } from '../secrets/index.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import type { DeploymentEvent } from '../spec/events.js'
import type { JsonObject } from '../spec/json.js'
import type { Diagnostics } from '../spec/recovery.js'
import { toAppaloftError } from './errors.js'
import { readModel } from './read-model.js'
import { recovery } from './recovery.js'
import { cleaned, redactorOf } from './redaction.js'
import { type Runtime, targetOf } from './runtime.js'
import { resourceStatus } from './status.js'

const lastEvents = 200
const lineLimit = 500

/** Everything that helps to understand an attempt, in one document without secrets. What cannot be read degrades alone. */
export async function diagnostics(
  runtime: Runtime,
  record: DeploymentRecord,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Diagnostics> {
  const problems: Diagnostics['problems'] = []
  const section = async <T>(name: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read()
    } catch (error) {
      signal?.throwIfAborted()
      const { code, message } = toAppaloftError(error)
      problems.push({ section: name, code, message })
      return null
    }
  }
  const target = await section('target', async () => targetOf(runtime, record.target))
  const document: Diagnostics = {
    schemaVersion: 1,
    generatedAt: runtime.now(),
    deployment: await readModel(runtime, record),
    recovery: await section('recovery', () => recovery(runtime, record)),
    plan: planOf(record),
    progress: toJson({
      journal: record.journal,
      promotion: record.promotion,
      drain: record.drain,
      previous: record.previous,
      token: record.token,
    }),
    events: (await section('events', () => tail(runtime, record.id))) ?? [],
    status: await section('status', async () => {
      const resource = await runtime.store.getResource(record.resourceId)
      return resource === null ? null : toJson(await resourceStatus(runtime, resource, record.target))
    }),
    target:
      target === null
        ? null
        : toJson({
            key: target.key,
            capabilities: target.capabilities,
            proxy: target.proxy === null ? null : { key: target.proxy.key, capabilities: target.proxy.capabilities },
            probe: await section('probe', () => target.probe(signal === undefined ? {} : { signal })),
          }),
    engine: {
      node: process.version,
      platform: process.platform,
      arch: process.arch,
      store: runtime.store.key,
      targets: [...runtime.targets.keys()],
      planners: runtime.planners.map((one) => one.key),
    },
    problems,
  }
  // What was recorded was redacted then; what is asked now (a probe, an error) is redacted here.
  const { environment } = record.definition
  const redact = await section('secrets', () => redactorOf(runtime, record.resourceId, environment))
  return cleaned(redact ?? silent, document)
}

/** Values of variables are the application's own affair, secret or not: their names are enough. */
function planOf({ plan }: DeploymentRecord): JsonObject | null {
  if (plan === null) return null
  const environment = Object.fromEntries(
    Object.entries(plan.environment).map(([name, one]) => [name, { secret: 'secret' in one, scope: one.scope }]),
  )
  return toJson({ ...plan, environment })
}

async function tail(runtime: Runtime, id: string): Promise<DeploymentEvent[]> {
  const { last } = await runtime.store.readEvents(id, { limit: 0 })
  const { events } = await runtime.store.readEvents(id, { after: Math.max(0, last - lastEvents), limit: lastEvents })
  return events.map((event) =>
    event.message === undefined || event.message.length <= lineLimit
      ? event
      : { ...event, message: `${event.message.slice(0, lineLimit)}…` },
  )
}

const toJson = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject
