import type { Source } from '../spec/source.js'
import { unreadable } from './errors.js'
import type { OpenedSource, SourceContext } from './types.js'

export async function openArchive(
  source: Extract<Source, { kind: 'archive' }>,
  _context: SourceContext,
): Promise<OpenedSource> {
  throw unreadable(`Sources of kind ${source.kind} come soon.`)
}
