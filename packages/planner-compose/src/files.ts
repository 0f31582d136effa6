import type { PlannerContext } from '@appaloft/core/spec'
import { parseDotenv } from './dotenv.js'
import { limits } from './options.js'
import { isFixed, join } from './paths.js'
import { Variables } from './variables.js'

/** The names that Compose looks for, best first. */
const names = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
const overrides = [
  ...['compose.override.yml', 'compose.override.yaml'],
  ...['docker-compose.override.yml', 'docker-compose.override.yaml'],
]

export interface Chosen {
  /** From the source's root, in the order in which they are merged. Those that were named are taken unseen. */
  files: string[]
  from: 'runtime.composeFiles' | 'source' | '.env' | 'name'
  /** Other files of these names beside them. */
  passedOver: string[]
}

/**
 * Which files make the project: those of the profile, else of a source of kind `compose-file`, else what `COMPOSE_FILE` of the `.env` file says, else
 * the first of the usual names with the first of the usual overrides. Null where there is none.
 */
export async function chooseFiles(context: PlannerContext): Promise<Chosen | null> {
  const { tree, baseDirectory, source, profiles } = context
  const at = (path: string) => (isFixed(path) ? path : join(baseDirectory, path))
  const found = await existing(tree, names)
  const given = profiles.runtime.composeFiles
  if (given !== undefined) return { files: given.map(at), from: 'runtime.composeFiles', passedOver: [] }
  if (source.kind === 'compose-file') {
    const files = await ofSource(context, source.path, source.files ?? [])
    if (files.length > 0) return { files, from: 'source', passedOver: [] }
  }
  const listed = await listedFiles(context)
  if (listed.length > 0) return { files: listed.map(at), from: '.env', passedOver: [] }
  const [first] = found
  if (first === undefined) return null
  const more = await existing(tree, overrides)
  const files = [first, ...more.slice(0, 1)]
  return { files: files.map(at), from: 'name', passedOver: [...found, ...more].filter((name) => !files.includes(name)) }
}

async function existing(tree: PlannerContext['tree'], candidates: readonly string[]): Promise<string[]> {
  const there = await Promise.all(candidates.map((name) => tree.has(name)))
  return candidates.filter((_name, i) => there[i])
}

/** A source names a file, or a folder with files of the usual names; `files` are beside it, the file itself comes first. */
async function ofSource({ root }: PlannerContext, path: string, more: readonly string[]): Promise<string[]> {
  const name = path.split(/[\\/]/).findLast((part) => part !== '') ?? ''
  const files = more.map((file) => (isFixed(file) ? file : join('.', file)))
  const first = name !== '.' && name !== '..' && (await root.has(name)) ? [name] : []
  return [...new Set([...first, ...files])]
}

async function listedFiles({ tree }: PlannerContext): Promise<string[]> {
  const text = await tree.readText('.env', { maxBytes: limits.fileBytes })
  if (text === null || !text.includes('COMPOSE_FILE')) return []
  try {
    const variables = parseDotenv(text, '.env', Variables.of([]))
    const separator = variables.get('COMPOSE_PATH_SEPARATOR') || ':'
    return (variables.get('COMPOSE_FILE') ?? '')
      .split(separator)
      .filter((file) => file !== '')
      .slice(0, limits.files)
  } catch {
    // Whoever reads the project says what is wrong with the file.
    return []
  }
}

/** Other Compose files beside the base directory's own: what `runtime.composeFiles` might name. */
export async function otherFiles({ tree }: PlannerContext): Promise<string[]> {
  const entries = await tree.list()
  return entries
    .filter(({ name, type }) => type === 'file' && /compose[\w.-]*\.ya?ml$/.test(name))
    .map(({ name }) => name)
    .sort()
    .slice(0, 10)
}
