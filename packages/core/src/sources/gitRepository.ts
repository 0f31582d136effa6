import type { Source } from '../spec/source.js'
import { unreadable } from './errors.js'
import type { OpenedSource, SourceContext } from './types.js'

export async function openGit(
  source: Extract<Source, { kind: 'git-repository' }>,
  _context: SourceContext,
): Promise<OpenedSource> {
  throw unreadable(`Sources of kind ${source.kind} come soon.`)
}
