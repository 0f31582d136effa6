import type { Host } from '@appaloft/core/spec'

/** How a host's connection is, for what goes over it by other ways than the host's own: through a forwarded socket. */
export interface Lifeline {
  /** How many connections there have been, and how often none came about. */
  readonly made: number
  readonly failed: number
  /** Why the last one did not. */
  readonly failure: unknown
  /** Makes sure that there is a connection that lives, by a new one where need be. Rejects where none comes about. */
  alive(signal?: AbortSignal): Promise<void>
}

const lifelines = new WeakMap<Host, Lifeline>()

export function withLifeline(host: Host, line: Lifeline): Host {
  lifelines.set(host, line)
  return host
}

/** So often work is done again: whoever loses each connection is told in the end. */
const mostTries = 10
/** Another holder's, or the caller's own fault: nothing that a connection has to do with. */
const never = new Set(['fenced', 'lease-lost', 'invalid-input'])

/**
 * Idempotent work over the connection of a host: where it was lost meanwhile, the work is done again over the next one, which looks at what
 * is there first. What failed while the connection held fails.
 */
export async function lasting<T>(host: Host, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const line = lifelines.get(host)
  if (line === undefined) return await work()
  const aborted = () => signal?.aborted === true
  for (let tries = 1; ; tries += 1) {
    const { made, failed } = line
    try {
      return await work()
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (aborted() || tries === mostTries || never.has(code)) throw error
      // What nobody listens at is a socket of ours: that says less than why nobody does.
      if (line.failed > failed) throw line.failure
      // The far side may be gone without a word, and a failure the first sign of it.
      const gone = await line.alive(signal).then(
        () => null,
        (reason: unknown) => ({ reason }),
      )
      if (gone !== null && !aborted()) throw gone.reason
      // One that the work made itself took nobody's place.
      if (aborted() || line.made === Math.max(made, 1)) throw error
    }
  }
}
