import type { Evidence, ImageReference } from '@appaloft/core/spec'

/** A reference as it may be shown: bounded, without a user before the registry. */
export const shown = (text: string): string => {
  const without = text.replace(user, '$1…@').trim()
  return without.length > 200 ? `${without.slice(0, 200)}…` : without
}

// What stands before the @ of a reference without a digest, or before a slash.
const user = /^((?:[a-zA-Z][a-zA-Z0-9+.-]*:\/+)?)(?:[^/@]*@(?=[^/]*\/)|[^/@]*:[^/@]*@(?!sha[0-9]+:))/

/** What the reference says, and which registry will be asked with whose credentials. */
export function referenceFacts({ registry, repository, tag, digest, canonical }: ImageReference): Evidence[] {
  const fact = (signal: string, value: string): Evidence => ({ kind: 'image', signal, value })
  return [
    fact('reference', canonical),
    fact('registry', registry),
    fact('repository', repository),
    ...(tag === undefined ? [] : [fact('tag', tag)]),
    ...(digest === undefined ? [] : [fact('digest', digest)]),
    ...(tag === undefined && digest === undefined ? [fact('tag', 'latest, since none is given')] : []),
    ...(tag !== undefined && digest !== undefined ? [fact('decided by', 'digest')] : []),
    fact('credentials asked for', registry),
  ]
}
