import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Source } from '@appaloft/core/spec'
import { CliError, usageError } from '../errors.js'

const archiveName = /\.(?:zip|tar\.gz|tgz)$/i
const remote = /^(?:https?|ssh|git|file):\/\//i
// user@host:path, as scp and git write it
const scpLike = /^[\w.-]+@[\w.-]+:(?!\/\/).+/
const composeName = /\.ya?ml$/i
/** The way to say that a name is one of an image, as other tools for containers take it. */
const imageScheme = 'docker://'
/** A name with a tag, a digest, or a registry before it: a path of a folder seldom looks so. */
const imageLike =
  /^(?:[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?::\d+)?\/|localhost(?::\d+)?\/)?\w[\w.-]*(?:\/\w[\w.-]*)*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?$/i
const commitId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

export interface ParsedPath {
  source: Source
  /** The folder that may hold a configuration file; null where the source is not a folder. */
  folder: string | null
}

/** What the argument PATH means: a folder, an archive, a Compose file, an image, or a git URL with an optional `#ref`. */
export function parsePath(path: string, cwd: string, ref?: string): ParsedPath {
  if (path.startsWith(imageScheme)) return parseImage(path.slice(imageScheme.length), ref)
  const absolute = resolve(cwd, path)
  const found = remote.test(path) ? undefined : statSync(absolute, { throwIfNoEntry: false })
  if (found === undefined) {
    if (isImage(path)) return parseImage(path, ref)
    if (remote.test(path) || scpLike.test(path)) return { source: parseUrl(path, ref), folder: null }
    throw new CliError('source-unreadable', `There is no ${path} here.`, {
      category: 'source',
      hint: `Name a folder, a .zip or .tar.gz file, a Compose file, a git URL, or an image as ${imageScheme}NAME.`,
    })
  }
  if (ref !== undefined) throw usageError('--ref goes with a git URL only.')
  if (found.isDirectory()) return { source: { kind: 'local-folder', path: absolute }, folder: absolute }
  if (found.isFile() && archiveName.test(absolute)) {
    return { source: { kind: 'archive', path: absolute }, folder: null }
  }
  if (found.isFile() && composeName.test(absolute)) {
    return { source: { kind: 'compose-file', path: absolute }, folder: null }
  }
  throw new CliError('source-unreadable', `${path} is neither a folder nor a .zip, .tar.gz or Compose file.`, {
    category: 'source',
    hint: `Name a folder, a .zip or .tar.gz file, a Compose file, a git URL, or an image as ${imageScheme}NAME.`,
  })
}

/** Without its scheme only where a tag, a digest or a registry tells it from a folder that is not there. */
const isImage = (path: string): boolean =>
  imageLike.test(path) && !archiveName.test(path) && !composeName.test(path) && /[:@]|^[^/]+\.[a-z]{2,}\//i.test(path)

function parseImage(image: string, ref: string | undefined): ParsedPath {
  if (ref !== undefined) throw usageError('--ref goes with a git URL only.')
  if (image === '') throw usageError(`Nothing follows ${imageScheme}: write the name of an image.`)
  return { source: { kind: 'docker-image', image }, folder: null }
}

/** The name of an image without tag and digest; a port of its registry is neither. */
const untagged = (image: string): string => image.replace(/@.*$/, '').replace(/:[^:/]*$/, '')

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
      return lastSegment(untagged(source.image))
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
      return `${source.kind} ${untagged(source.image)}`
  }
}

const lastSegment = (path: string): string =>
  path
    .replace(/[/\\]+$/, '')
    .split(/[/:\\]/)
    .at(-1) ?? ''
