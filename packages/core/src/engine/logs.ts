import type { RedactedLines } from '../secrets/index.js'
import type { LogEntry, LogsOptions } from '../spec/api.js'
import { AppaloftError } from '../spec/errors.js'
import type { DeploymentEvent } from '../spec/events.js'
import { progressOf } from '../spec/progress.js'
import type { Engine } from './engine.js'
import { observe } from './observe.js'
import { logsOptions } from './observe-options.js'
import { redactorOf } from './redaction.js'
import { type Runtime, targetOf } from './runtime.js'
import { linked, stoppable } from './stoppable.js'

/** Build logs out of the events, then the release's own output. With `follow` each goes on as it happens. */
export function deploymentLogs(
  { runtime }: Engine,
  id: string,
  input: LogsOptions = {},
): AsyncIterableIterator<LogEntry> {
  return stoppable((stopped) => {
    const options = logsOptions(input)
    return joined(runtime, id, options, linked(stopped, options.signal))
  })
}

async function* joined(
  runtime: Runtime,
  id: string,
  { tail, follow = false }: LogsOptions,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  if (tail === undefined) {
    yield* toldLines(runtime, id, { signal, follow })
    if (!signal.aborted) yield* spokenLines(runtime, id, { signal, follow })
    return
  }
  const place: { cursor?: string } = {}
  const told = await lastOf(tail, toldLines(runtime, id, { signal, place }))
  const spoken = await lastOf(tail, spokenLines(runtime, id, { signal, tail }))
  const last = [...told, ...spoken].slice(Math.max(0, told.length + spoken.length - tail))
  if (!follow) return yield* last
  // What the release has said comes with what it goes on to say.
  yield* last.filter((one) => told.includes(one))
  const { cursor } = place
  if (!signal.aborted) yield* toldLines(runtime, id, { signal, follow, ...(cursor === undefined ? {} : { cursor }) })
  if (!signal.aborted) yield* spokenLines(runtime, id, { signal, follow, tail })
}

async function lastOf<T>(count: number, all: AsyncIterable<T>): Promise<T[]> {
  const last: T[] = []
  for await (const one of all) {
    last.push(one)
    if (last.length > count) last.shift()
  }
  return last
}

/** What the attempt's events told. */
async function* toldLines(
  runtime: Runtime,
  id: string,
  { place = {}, ...options }: { signal: AbortSignal; follow?: boolean; cursor?: string; place?: { cursor?: string } },
): AsyncGenerator<LogEntry> {
  for await (const envelope of observe(runtime, id, { heartbeatSeconds: 0, ...options })) {
    if (envelope.kind === 'error') throw new AppaloftError(envelope.error.code, envelope.error)
    if (envelope.kind === 'closed') place.cursor = envelope.cursor
    if (envelope.kind === 'event' && envelope.event.type === 'log' && !isRunning(envelope.event))
      yield entryOf(envelope.event)
  }
}

/** What the release itself said. `secret-unavailable` where nobody knows what is secret in it. */
async function* spokenLines(
  runtime: Runtime,
  id: string,
  options: { signal: AbortSignal; follow?: boolean; tail?: number },
): AsyncGenerator<LogEntry> {
  const record = await runtime.store.getDeployment(id)
  if (record === null || record.releaseId === null) return
  const ref = { resourceId: record.resourceId, deploymentId: id, releaseId: record.releaseId }
  const outputs = new Map<string, { lines: RedactedLines; entry: Omit<LogEntry, 'text'> }>()
  for await (const { text, ...line } of targetOf(runtime, record.target).logs(ref, options)) {
    const entry = { source: 'runtime' as const, ...line, deploymentId: id }
    const known = outputs.get(line.stream)
    const lines =
      known?.lines ?? (await redactorOf(runtime, record.resourceId, record.plan?.environment)).lines({ cut: true })
    outputs.set(line.stream, { lines, entry })
    for (const clean of lines.write(text)) yield { ...entry, text: clean }
  }
  for (const { lines, entry } of outputs.values()) for (const clean of lines.end()) yield { ...entry, text: clean }
}

/** How far something is in between is no line of a log. */
const isRunning = ({ data }: DeploymentEvent): boolean => progressOf(data)?.status === 'running'

const entryOf = ({ deploymentId, message = '', at, data }: DeploymentEvent): LogEntry => ({
  source: data.source === 'runtime' ? 'runtime' : 'build',
  stream: data.stream === 'stderr' ? 'stderr' : 'stdout',
  text: message,
  at,
  deploymentId,
})
