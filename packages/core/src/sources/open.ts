import { AppaloftError } from '../spec/errors.js'
import type { Source } from '../spec/source.js'
import type { OpenedSource, SourceContext } from './types.js'

/**
 * Reads a source: who it is and what is in it, without running anything of it. Writes only caches below `stateDir`.
 *
 * Errors, all of phase `detect`: `source-unreadable`, `credentials-in-url`, `git-auth-failed`, `git-host-unreachable`, `git-ref-not-found`.
 */
export async function openSource(source: Source, context: SourceContext): Promise<OpenedSource> {
  context.signal.throwIfAborted()
  throw new AppaloftError('source-unreadable', {
    phase: 'detect',
    message: `Sources of kind ${source.kind} come soon.`,
  })
}
