import type { PlannerContext } from '@appaloft/core/spec'
import { defaultNames, limits } from './options.js'
import { normal, within } from './paths.js'

/** Where the Dockerfile is, or that the one that was asked for is not there. Paths are relative to the source's root. */
export interface Located {
  /** Null where there is none. */
  file: string | null
  /** The profile asks for this planner or for something that only a Dockerfile has. */
  explicit: boolean
  /** Other files that could have been meant, best first. */
  others: string[]
}

const production = /^(?:prod|production|release)$/i
const otherUse = /^(?:dev|devel|develop|development|debug|test|tests|testing|ci|e2e|lint|local)$/i
const otherFile = /[.-](?:dockerignore|md|txt|in|j2|erb|tmpl|tpl|template|example|sample|bak|old|orig)$/i

/** The part of `Dockerfile.web`, `Dockerfile-web` or `web.Dockerfile` that tells it from the others; null for other names. */
function variantOf(name: string): string | null {
  if (otherFile.test(name)) return null
  const behind = /^(?:dockerfile|containerfile)[.-](.+)$/i.exec(name)?.[1]
  return behind ?? /^(.+)\.(?:dockerfile|containerfile)$/i.exec(name)?.[1] ?? null
}

/** Looks for the Dockerfile: what the profile names, else the names that builders know, else the one that is surely meant. */
export async function locate(context: PlannerContext): Promise<Located> {
  const { tree, root, baseDirectory, profiles } = context
  const { planner, dockerfilePath, buildTarget } = profiles.runtime
  const explicit = planner === 'dockerfile' || dockerfilePath !== undefined || buildTarget !== undefined
  const at = (name: string): string => within(baseDirectory, name)
  const names = (await tree.list())
    .filter(({ type }) => type === 'file' || type === 'symlink')
    .map(({ name }) => name)
    .sort()
  const present: string[] = defaultNames.filter((name) => names.includes(name))
  const variants = names.filter((name) => variantOf(name) !== null && !present.includes(name))
  const all = [...present, ...variants]

  if (dockerfilePath !== undefined) {
    const inBase = normal(within(baseDirectory, dockerfilePath))
    const inRoot = normal(dockerfilePath)
    for (const file of [inBase, inRoot]) {
      if (file !== null && !dockerfilePath.startsWith('/') && (await root.has(file))) {
        return { file, explicit, others: all.map(at).filter((other) => other !== file) }
      }
    }
    return { file: null, explicit, others: all.length > 0 ? all.map(at) : await anywhere(context) }
  }
  const chosen = present[0] ?? (await surelyMeant(context, variants))
  const others = all.filter((name) => name !== chosen).map(at)
  if (chosen !== undefined) return { file: at(chosen), explicit, others }
  return { file: null, explicit, others: explicit && others.length === 0 ? await anywhere(context) : others }
}

/** The one that is named for production; else the only one, where nothing else in the folder could be deployed. */
async function surelyMeant({ tree }: PlannerContext, variants: readonly string[]): Promise<string | undefined> {
  const parts = (name: string): string[] => (variantOf(name) ?? '').split(/[._-]/)
  const told = variants.filter((name) => !parts(name).some((part) => otherUse.test(part)))
  const forProduction = told.filter((name) => parts(name).some((part) => production.test(part)))
  if (forProduction.length === 1) return forProduction[0]
  if (told.length !== 1 || forProduction.length > 1) return undefined
  for (const file of [
    'package.json',
    'index.html',
    'compose.yaml',
    'compose.yml',
    'docker-compose.yaml',
    'docker-compose.yml',
  ]) {
    if (await tree.has(file)) return undefined
  }
  return told[0]
}

/** Those in other folders of the source, to be offered where none is at hand. */
async function anywhere({ root }: PlannerContext): Promise<string[]> {
  const found = await root.glob('**/{Dockerfile,Containerfile,Dockerfile.*,*.Dockerfile}', { limit: limits.faults })
  return found.filter((file) => !otherFile.test(file)).sort()
}
