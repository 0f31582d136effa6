import { stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { Source } from '../spec/source.js'
import { unreadable } from './errors.js'
import { openFolder } from './localFolder.js'
import type { OpenedSource, SourceContext } from './types.js'

/** A Compose file, or the folder that holds it: its services are built from files beside it, so the source is the whole folder. */
export async function openCompose(
  source: Extract<Source, { kind: 'compose-file' }>,
  context: SourceContext,
): Promise<OpenedSource> {
  const path = resolve(source.path)
  const name = basename(path)
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(
      'absent',
      `There is no Compose file or folder ${JSON.stringify(name)} at the source's path.`,
      { name },
      error,
    )
  })
  if (!found.isDirectory() && !found.isFile()) {
    throw unreadable('not-a-source', `${JSON.stringify(name)} is neither a file nor a folder.`, { name })
  }
  return openFolder(found.isDirectory() ? path : dirname(path), context, { kind: source.kind, name })
}
