import { resolve } from 'node:path'
import type { ResourceDefinition, ResourceRecord, Source } from '@appaloft/core/spec'
import type { CompositionConfig, ResourceConfig } from '../config/define.js'
import { findConfig } from '../config/find.js'
import type { LoadedConfig } from '../config/load.js'
import { CliError, usageError } from '../errors.js'
import type { Io } from '../io/io.js'
import { applyFlags, hasProfileFlags, type ProfileFlags } from './flags.js'
import { resourceIdFor, slug } from './identity.js'
import { type ParsedPath, parsePath } from './source.js'
import { applyVariables } from './variables.js'

/** What a command found at PATH: the configuration, if there is one, and the resources as they are defined there. */
export interface Project {
  /** Absolute; null without one. */
  configFile: string | null
  composition: CompositionConfig
  /** In the order of the file. */
  resources: { name: string; config: ResourceConfig & { source: Source } }[]
}

export interface ProjectQuery {
  path?: string
  ref?: string
  config?: string
}

/** Reads the configuration that belongs to PATH. A folder's own file is found by itself; nothing is evaluated out of a URL or an archive. */
export async function loadProject(query: ProjectQuery, io: Io): Promise<Project> {
  const parsed = parsePath(query.path ?? '.', io.cwd, query.ref)
  const file = query.config !== undefined ? resolve(io.cwd, query.config) : parsed.folder && findConfig(parsed.folder)
  if (!file) {
    return { configFile: null, composition: {}, resources: [{ name: '', config: { source: parsed.source } }] }
  }
  const { loadConfig } = await import('../config/load.js')
  const loaded = await loadConfig(file, { env: io.env })
  return {
    configFile: loaded.file,
    composition: loaded.composition,
    resources: [...loaded.resources].map(([name, config]) => ({
      name,
      config: { ...config, source: sourceOf(config, loaded, parsed, query) },
    })),
  }
}

/** The file's own source; without one the file's folder. A PATH that is no folder, with `--config`, gives the source itself. */
function sourceOf(config: ResourceConfig, loaded: LoadedConfig, parsed: ParsedPath, query: ProjectQuery): Source {
  if (parsed.folder === null || (query.config !== undefined && query.path !== undefined)) {
    if (loaded.resources.size > 1) {
      throw usageError('With several resources in the configuration, PATH must be its folder.')
    }
    return { ...parsed.source, ...(config.source?.baseDirectory ? { baseDirectory: config.source.baseDirectory } : {}) }
  }
  return fromFolder(config.source ?? { kind: 'local-folder', path: '.' }, loaded.folder)
}

/** Relative paths of a configuration are relative to its folder. */
function fromFolder(source: Source, folder: string): Source {
  if (source.kind === 'local-folder' || source.kind === 'compose-file') {
    return { ...source, path: resolve(folder, source.path) }
  }
  if (source.kind === 'archive' && source.path !== undefined) return { ...source, path: resolve(folder, source.path) }
  return source
}

/** The resources that a command works on, with the flags laid over them and their ids. */
export async function selectResources(
  project: Project,
  flags: ProfileFlags & { resource?: string },
  io: Io,
  find: (id: string) => Promise<ResourceRecord | null>,
): Promise<(ResourceDefinition & { id: string })[]> {
  const chosen = choose(project, flags.resource)
  if (chosen.length > 1 && hasProfileFlags(flags)) {
    throw usageError('Profile flags go with one resource: choose it with --resource.')
  }
  const result: (ResourceDefinition & { id: string })[] = []
  for (const { name, config } of chosen) {
    const { resourceDefinitionSchema } = await import('@appaloft/core/spec')
    const overlaid = await applyVariables(applyFlags(config as ResourceDefinition, flags), flags, io)
    // Flags and configuration each are right by themselves; together they are checked as the engine would.
    const checked = resourceDefinitionSchema.safeParse(overlaid)
    if (!checked.success) {
      const { issuesOf } = await import('../config/validate.js')
      const issues = issuesOf(checked.error.issues)
      throw new CliError('invalid-input', 'The definition is not valid.', {
        hint: 'Mend the fields named above.',
        details: { issues: issues.map((issue) => ({ ...issue })) },
      })
    }
    const id = overlaid.id ?? (await idOf(name, project, flags.resource, checked.data.source, find))
    result.push({ ...checked.data, id })
  }
  return result
}

function choose(project: Project, wanted: string | undefined): Project['resources'] {
  if (wanted === undefined) return project.resources
  const only = project.resources[0]
  // Without names, --resource gives the one resource its id.
  if (project.resources.length === 1 && only?.name === '') {
    if (only.config.id !== undefined && only.config.id !== wanted) {
      throw usageError(`The configuration defines ${only.config.id}, not ${wanted}.`)
    }
    return project.resources
  }
  const found = project.resources.filter(
    ({ name, config }) => name === wanted || (config.id ?? `res_${slug(name)}`) === wanted,
  )
  if (found.length > 0) return found
  const names = project.resources.map(({ name }) => name).join(', ')
  throw new CliError('resource-not-found', `The configuration has no resource ${wanted}; it has ${names}.`, {
    exitCode: 4,
    hint: 'Name one of them with --resource.',
  })
}

async function idOf(
  name: string,
  project: Project,
  wanted: string | undefined,
  source: Source,
  find: (id: string) => Promise<ResourceRecord | null>,
): Promise<string> {
  if (name !== '') return resourceIdFor(source, find, name)
  if (wanted !== undefined && project.resources.length === 1)
    return wanted.startsWith('res_') ? wanted : `res_${wanted}`
  return resourceIdFor(source, find)
}
