import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import {
  AppaloftError,
  type CallOptions,
  recordNamePattern,
  type TargetRecord,
  type TargetRecords,
} from '@appaloft/core/spec'
import type { Engine } from './api/engine.js'
import type { Beside } from './beside.js'
import { tidying } from './containers/remove.js'
import { checkMark } from './marks.js'
import { label, type Names } from './names.js'

/*
 * A record is an empty volume, and its text a label of it: one call lists them all. Labels never change, so what replaces a record is
 * another volume, of the same name and a higher number, and of several the highest counts: by the token of who wrote it, then by time.
 */

type Safely = <T>(call: CallOptions, act: (engine: Engine) => T | Promise<T>) => Promise<T>

const [packed, unpacked] = [promisify(gzip), promisify(gunzip)]

/** More than any record has, and less than what a mutilated one could grow to. */
const maxOutputLength = 16 * 1024 * 1024

interface Volume {
  volume: string
  resourceId: string
  name: string
  token: number
  order: number
  text: string
}

async function volumes(engine: Engine, labels: string[], { signal }: CallOptions): Promise<Volume[]> {
  const found = await engine.volumes(labels, { signal })
  return found
    .map(({ Name: volume, Labels: labels }) => ({
      volume,
      resourceId: labels[label.resource] ?? '',
      name: labels[label.record] ?? '',
      token: Number(labels[label.token]),
      order: Number(labels[label.order]),
      text: labels[label.text] ?? '',
    }))
    .sort((a, b) => b.token - a.token || b.order - a.order)
}

async function textOf({ text }: Volume): Promise<string | null> {
  if (text === '') return null
  return await unpacked(Buffer.from(text, 'base64'), { maxOutputLength }).then(String, () => null)
}

/** Volumes may be made within one millisecond. */
let last = 0
function nextOrder(): number {
  last = Math.max(last + 1, Date.now())
  return last
}

export function targetRecords(safely: Safely, names: Names, beside: Beside): TargetRecords {
  const of = (resourceId: string, name: string) => [
    ...names.ofResource(resourceId, 'record'),
    `${label.record}=${name}`,
  ]
  /** One that was gone already is as good. */
  const removed = async (engine: Engine, all: readonly Volume[], call: CallOptions) => {
    await Promise.all(all.map(({ volume }) => engine.removeVolume(volume, { signal: call.signal })))
  }

  return {
    list: (resourceId, call = {}) =>
      safely(call, async (engine) => {
        const labels = resourceId === undefined ? names.ofScope('record') : names.ofResource(resourceId, 'record')
        const newest = new Map<string, Volume>()
        for (const one of await volumes(engine, labels, call)) {
          const key = `${one.resourceId} ${one.name}`
          if (!newest.has(key)) newest.set(key, one)
        }
        const sorted = [...newest].sort(([a], [b]) => (a < b ? -1 : 1))
        return await Promise.all(
          sorted.map(
            async ([, one]): Promise<TargetRecord> => ({
              resourceId: one.resourceId,
              name: one.name,
              text: await textOf(one),
            }),
          ),
        )
      }),

    put: (resourceId, name, text, token, call = {}) =>
      safely(call, async (engine) => {
        if (!recordNamePattern.test(name))
          throw new AppaloftError('invalid-input', { message: `No record can have the name ${JSON.stringify(name)}.` })
        const content = (await packed(text)).toString('base64')
        const make = async (): Promise<string> => {
          const order = nextOrder()
          const volume = names.record(resourceId, name, token, order)
          const own = { [label.token]: String(token), [label.order]: String(order) }
          const labels = names.labels({ resourceId }, 'record', { ...own, [label.record]: name, [label.text]: content })
          const made = await engine.createVolume({ Name: volume, Labels: labels }, { signal: call.signal })
          // Of that name there was one already: another object of this target wrote at the same moment.
          return made.Labels[label.text] === content ? volume : await make()
        }
        // At once: the token in the name keeps what an overtaken holder still writes behind what the new one has written.
        const [made, mark, former] = await Promise.allSettled([
          make(),
          checkMark(engine, names, resourceId, token, call.signal),
          volumes(engine, of(resourceId, name), call),
        ])
        if (made.status === 'rejected') throw made.reason
        if (mark.status === 'rejected') {
          await engine.removeVolume(made.value, tidying())
          throw mark.reason
        }
        if (former.status === 'rejected') throw former.reason
        // Behind the new one they count for nothing: what stays of them goes with it.
        const left = former.value.filter((one) => one.volume !== made.value && one.token <= token)
        beside.add(removed(engine, left, {}))
      }),

    remove: (resourceId, name, token, call = {}) =>
      safely(call, async (engine) => {
        const [all] = await Promise.all([
          volumes(engine, of(resourceId, name), call),
          checkMark(engine, names, resourceId, token, call.signal),
        ])
        await removed(
          engine,
          all.filter((one) => !(one.token > token)),
          call,
        )
      }),
  }
}
