import type { Clock } from '../spec/clock.js'
import type { Credentials } from '../spec/credentials.js'
import type { SourceIdentity, SourceTree } from '../spec/source.js'

export interface SourceContext {
  /** Absolute. Caches and kept copies live below it: `cache`, `git`, `sources`. */
  stateDir: string
  credentials?: Credentials
  clock: Clock
  /** Ends the call with its reason; processes and files of the call are gone when it rejects. */
  signal: AbortSignal
  /** Of the request: wins over the ref and the commit of the source. Git only. */
  gitRef?: string
  /** Of the request: wins over every ref. Git only. */
  commitSha?: string
}

export interface OpenedSource {
  /** What the source was when it was opened. `baseDirectory` is `.`: the engine fills it in. */
  identity: SourceIdentity
  /** The whole source, as far as it is not ignored. */
  tree: SourceTree
  /**
   * A private checked copy of the whole source under `stateDir/sources`, kept by content: its absolute path. Read-only for those who
   * use it. Idempotent, also for several processes at once. A copy that exists is used as it is: it equals the identity, whatever became
   * of the source. Errors: `plan-stale` (phase execute) where there is none and the source no longer equals the identity.
   */
  materialise(options: { signal: AbortSignal }): Promise<string>
}
