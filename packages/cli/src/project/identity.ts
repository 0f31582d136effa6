import { createHash } from 'node:crypto'
import type { ResourceRecord, Source } from '@appaloft/core/spec'
import { nameOf, placeOf } from './source.js'

/** Lower-case letters, digits, - and _, as ids are written. */
export function slug(name: string, longest = 63): string {
  const text = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9_]+/g, '-')
    .slice(0, longest)
    .replace(/^[-_]+|[-_]+$/g, '')
  return text === '' ? 'app' : text
}

/**
 * The id of a resource that chose none: `res_` and its name, by default the folder's. Where another place already has that id, a short digest of this
 * place follows, and it keeps following when the other is gone: an id never changes under a running application.
 */
export async function resourceIdFor(
  source: Source,
  find: (id: string) => Promise<ResourceRecord | null>,
  name: string = nameOf(source),
): Promise<string> {
  const place = placeOf(source)
  const digest = createHash('sha256').update(place).digest('hex').slice(0, 6)
  const own = `res_${slug(name, 56)}-${digest}`
  if ((await find(own)) !== null) return own
  const short = `res_${slug(name)}`
  const taken = await find(short)
  return taken === null || placeOf(taken.definition.source) === place ? short : own
}
