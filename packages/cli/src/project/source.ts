import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Source } from '@appaloft/core/spec'
import { CliError, usageError } from '../errors.js'

const archiveName = /\.(?:zip|tar\.gz|tgz)$/i
const remote = /^(?:https?|ssh|git|file):\/\//i
// user@host:path, as scp and git write it
const scpLike = /^[\w.-]+@[\w.-]+:(?!\/\/).+/
const commitId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

export interface ParsedPath {
  source: Source
  /** The folder that may hold a configuration file; null where the source is not a folder. */
  folder: string | null
}

/** What the argument PATH means: a folder, an archive, or a git URL with an optional `#ref`. */
export function parsePath(path: string, cwd: string, ref?: string): ParsedPath {
  if (remote.test(path) || scpLike.test(path)) return { source: parseUrl(path, ref), folder: null }
  const absolute = resolve(cwd, path)
  const found = statSync(absolute, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new CliError('source-unreadable', `There is no ${path} here.`, {
      category: 'source',
      hint: 'Name a folder, a .zip or .tar.gz file, or a git URL.',
    })
  }
  if (ref !== undefined) throw usageError('--ref goes with a git URL only.')
  if (found.isDirectory()) return { source: { kind: 'local-folder', path: absolute }, folder: absolute }
  if (found.isFile() && archiveName.test(absolute)) {
    return { source: { kind: 'archive', path: absolute }, folder: null }
  }
  throw new CliError('source-unreadable', `${path} is neither a folder nor a .zip or .tar.gz file.`, {
    category: 'source',
    hint: 'Name a folder, a .zip or .tar.gz file, or a git URL.',
  })
}

function parseUrl(text: string, flag?: string): Source {
  const hash = text.indexOf('#')
  const url = hash < 0 ? text : text.slice(0, hash)
  const fragment = hash < 0 ? undefined : text.slice(hash + 1)
  if (fragment === '') throw usageError('Nothing follows the # of the URL: write a branch, tag or commit.')
  if (fragment !== undefined && flag !== undefined && fragment !== flag) {
    throw usageError(`The URL asks for ${fragment} and --ref for ${flag}.`)
  }
  const ref = flag ?? fragment
  if (/^https?:/i.test(url) && archiveName.test(url)) {
    if (ref !== undefined) throw usageError('An archive has no refs.')
    return { kind: 'archive', url }
  }
  if (ref === undefined) return { kind: 'git-repository', url }
  return { kind: 'git-repository', url, ...(commitId.test(ref) ? { commitSha: ref } : { gitRef: ref }) }
}

/** A name for people and for ids: the folder's, the archive's, or the repository's. */
export function nameOf(source: Source): string {
  switch (source.kind) {
    case 'local-folder':
      return basename(source.path)
    case 'compose-file':
      return basename(resolve(source.path, '..'))
    case 'git-repository':
      return lastSegment(source.url).replace(/\.git$/i, '')
    case 'archive':
      return lastSegment(source.path ?? source.url ?? '').replace(archiveName, '')
    case 'docker-image':
      return lastSegment(source.image).replace(/[:@].*$/, '')
  }
}

/** Where it comes from, the ref aside: two sources at one place are the same application. */
export function placeOf(source: Source): string {
  switch (source.kind) {
    case 'local-folder':
    case 'compose-file':
      return `${source.kind} ${resolve(source.path)} ${source.baseDirectory ?? ''}`
    case 'git-repository':
      return `${source.kind} ${source.url} ${source.baseDirectory ?? ''}`
    case 'archive':
      return `${source.kind} ${source.path ?? source.url} ${source.baseDirectory ?? ''}`
    case 'docker-image':
      return `${source.kind} ${source.image.replace(/[:@].*$/, '')}`
  }
}

const lastSegment = (path: string): string =>
  path
    .replace(/[/\\]+$/, '')
    .split(/[/:\\]/)
    .at(-1) ?? ''
