import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { AppaloftError, type ResourceDefinition, type Source } from '@appaloft/core/spec'
import { realPath, type Settings } from './options.js'

const refused = (message: string, field: string) =>
  new AppaloftError('source-not-allowed', { message, details: { field: `resource.${field}` } })

const place = (field: string) =>
  refused('A path is outside of the folders that are allowed here, or does not exist.', field)

/**
 * A definition that came from a caller, with its local paths resolved: what was checked is what the engine reads. Otherwise `source-not-allowed`, in
 * the same words for a path that does not exist and for one that is elsewhere.
 */
export function allowedDefinition(
  definition: ResourceDefinition,
  { allowSources, sourceRoots }: Pick<Settings, 'allowSources' | 'sourceRoots'>,
): ResourceDefinition {
  const { source, runtime = {}, binds = [] } = definition
  if (!allowSources.includes(source.kind))
    throw refused(`Definitions with a source of the kind ${source.kind} are not accepted here.`, 'source.kind')
  if (binds.length > 0) throw refused('Binds are not accepted here: they show folders of the machine.', 'binds')
  const roots = sourceRoots.map(realPath).filter((one) => one !== null)
  for (const field of ['dockerfilePath', 'publishDirectory'] as const) {
    const path = runtime[field]
    if (path !== undefined && !staysInside(path)) throw place(`runtime.${field}`)
  }
  if (runtime.composeFiles?.every(staysInside) === false) throw place('runtime.composeFiles')
  return { ...definition, source: allowedSource(source, roots) }
}

function allowedSource(source: Source, roots: readonly string[]): Source {
  switch (source.kind) {
    case 'local-folder':
      return { ...source, path: below(source.path, roots, 'source.path') }
    case 'compose-file': {
      const path = below(source.path, roots, 'source.path')
      if (source.files === undefined) return { ...source, path }
      const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path)
      return { ...source, path, files: source.files.map((one) => below(resolve(folder, one), roots, 'source.files')) }
    }
    case 'archive':
      if (source.path !== undefined) return { ...source, path: below(source.path, roots, 'source.path') }
      if (!/^https:\/\//i.test(source.url ?? ''))
        throw refused('Archives come from https addresses alone.', 'source.url')
      return source
    case 'git-repository':
      // The engine looks at the URL more closely: here it must not be a path of this machine or a transport without protection.
      if (!/^(?:https|ssh):\/\/|^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9.-]+:(?!:)/i.test(source.url))
        throw refused('Git repositories come over https and ssh alone.', 'source.url')
      return source
    case 'docker-image':
      return source
  }
}

/** The real path, which is a root or lies below one. */
function below(path: string, roots: readonly string[], field: string): string {
  const real = path.startsWith('/') ? realPath(path) : null
  if (real === null || !roots.some((root) => real === root || real.startsWith(root === '/' ? root : `${root}/`)))
    throw place(field)
  return real
}

/** A relative path that does not leave its folder, by its text. */
function staysInside(path: string): boolean {
  if (path.startsWith('/')) return false
  let depth = 0
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    depth += part === '..' ? -1 : 1
    if (depth < 0) return false
  }
  return true
}
