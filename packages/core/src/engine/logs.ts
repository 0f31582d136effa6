import { redactor } from '../secrets/index.js'
import type { LogEntry, LogsOptions } from '../spec/api.js'
import type { Engine } from './appaloft.js'
import { openVariables } from './definitions.js'
import { observe } from './observe.js'
import { targetOf } from './runtime.js'

/** Build logs out of the events, then the release's own output. */
export async function* deploymentLogs(engine: Engine, id: string, options: LogsOptions = {}): AsyncGenerator<LogEntry> {
  const { runtime } = engine
  const buffered: LogEntry[] = []
  const tail = options.tail
  for await (const envelope of observe(runtime, id, {
    heartbeatSeconds: 0,
    ...(options.follow ? { follow: true } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  })) {
    if (envelope.kind !== 'event' || envelope.event.type !== 'log') continue
    const { message = '', at, data } = envelope.event
    const entry: LogEntry = {
      source: data.source === 'runtime' ? 'runtime' : 'build',
      stream: data.stream === 'stderr' ? 'stderr' : 'stdout',
      text: message,
      at,
      deploymentId: id,
    }
    if (tail === undefined || options.follow) yield entry
    else {
      buffered.push(entry)
      if (buffered.length > tail) buffered.shift()
    }
  }
  const record = await runtime.store.getDeployment(id)
  if (record !== null && record.releaseId !== null) {
    const target = targetOf(runtime, record.target)
    const ref = { resourceId: record.resourceId, deploymentId: id, releaseId: record.releaseId }
    const values = await openVariables(runtime, record.resourceId, record.plan?.environment ?? {}).catch(() => [])
    const redact = redactor(values.filter((one) => one.secret).map((one) => one.value))
    const logOptions = {
      ...(tail === undefined ? {} : { tail }),
      ...(options.follow ? { follow: true } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    }
    for await (const line of target.logs(ref, logOptions)) {
      const entry: LogEntry = {
        source: 'runtime',
        stream: line.stream,
        text: redact.text(line.text),
        deploymentId: id,
        ...(line.at === undefined ? {} : { at: line.at }),
      }
      if (tail === undefined || options.follow) yield entry
      else {
        buffered.push(entry)
        if (buffered.length > tail) buffered.shift()
      }
    }
  }
  yield* buffered
}
