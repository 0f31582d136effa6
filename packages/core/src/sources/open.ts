import { basename, resolve } from 'node:path'
import type { Source } from '../spec/source.js'
import { openImage } from './dockerImage.js'
import type { OpenedSource, SourceContext } from './types.js'

/**
 * Reads a source: who it is and what is in it, without running anything of it. Writes only caches below `stateDir`.
 *
 * Errors, all of phase `detect`: `source-unreadable`, `credentials-in-url`, `git-auth-failed`, `git-host-unreachable`, `git-ref-not-found`.
 */
export async function openSource(source: Source, context: SourceContext): Promise<OpenedSource> {
  context.signal.throwIfAborted()
  switch (source.kind) {
    case 'local-folder':
      return (await import('./localFolder.js')).openFolder(source.path, context, {
        kind: source.kind,
        name: basename(resolve(source.path)),
      })
    case 'docker-image':
      return openImage(source, context)
    case 'compose-file':
      return (await import('./composeFile.js')).openCompose(source, context)
    case 'archive':
      return (await import('./archive.js')).openArchive(source, context)
    case 'git-repository':
      return (await import('./gitRepository.js')).openGit(source, context)
  }
}
