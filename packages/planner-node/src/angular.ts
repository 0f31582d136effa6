import { posix } from 'node:path'
import type { SourceTree } from '@appaloft/core/spec'

type Json = Record<string, unknown>
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/**
 * The directory that the one application of an `angular.json` is built to, where it renders in the browser only. Null where it renders
 * on a server, where there is more than one application, or where the file cannot be read.
 */
export async function angularOutput(tree: SourceTree): Promise<string | null> {
  let file: Json
  try {
    file = object(JSON.parse((await tree.readText('angular.json')) ?? 'null'))
  } catch {
    return null
  }
  const projects = Object.entries(object(file.projects)).filter(
    ([, project]) => object(project).projectType === 'application',
  )
  const [only] = projects
  if (only === undefined || projects.length > 1) return null
  const project = object(only[1])
  const build = object(object(project.architect ?? project.targets).build)
  const chosen = object(object(build.configurations)[text(build.defaultConfiguration) ?? 'production'])
  const options = { ...object(build.options), ...chosen }
  const renders = (value: unknown) => value !== undefined && value !== false && value !== null
  if (renders(options.ssr) || renders(options.server)) return null
  const base = text(options.outputPath) ?? text(object(options.outputPath).base) ?? `dist/${only[0]}`
  // The application builder parts what the browser loads from the rest; older builders write it to the directory itself.
  const parted = text(build.builder)?.endsWith(':application') === true
  const browser = object(options.outputPath).browser
  return parted ? posix.join(base, typeof browser === 'string' ? browser : 'browser') : posix.normalize(base)
}
