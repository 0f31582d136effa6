import { posix } from 'node:path'
import type { PlannerContext } from '@appaloft/core/spec'
import { limits } from '../options.js'
import { looseJson } from './loose.js'
import { isMark, isName, type Word } from './text.js'

/** What a module imports, as it is written. */
export function importsOf(list: Word[]): string[] {
  const out: string[] = []
  for (let i = 1; i < list.length; i++) {
    const word = list[i]!
    if (word.type !== 'string' || word.value === '') continue
    const before = list[i - 1]
    const call = isMark(before, '(') && (isName(list[i - 2], 'require') || isName(list[i - 2], 'import'))
    if (call || isName(before, 'from') || isName(before, 'import')) out.push(word.value)
  }
  return out
}

/** A name that stands for a folder or a file of the package: `@/*`, `#env`, or any below a base folder. */
interface Alias {
  before: string
  after: string
  exact: boolean
  targets: string[]
}

type Json = Record<string, unknown>
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}

async function settings(context: PlannerContext, file: string): Promise<Json> {
  const text = await context.tree.readText(file, { maxBytes: limits.settingsBytes })
  return text === null ? {} : object(looseJson(text.replace(/^\uFEFF/, '')))
}

/** The first path in a value of package.json's `imports`, below any condition but the one for types. */
function firstPath(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'string') return value
  if (depth > 4) return undefined
  for (const [condition, one] of Object.entries(object(value))) {
    if (condition === 'types') continue
    const path = firstPath(one, depth + 1)
    if (path !== undefined) return path
  }
  return undefined
}

function aliasOf(pattern: string, targets: string[]): Alias {
  const star = pattern.indexOf('*')
  if (star < 0) return { before: pattern, after: '', exact: true, targets }
  return { before: pattern.slice(0, star), after: pattern.slice(star + 1), exact: false, targets }
}

const known = new WeakMap<PlannerContext, Promise<Alias[]>>()

function aliasesOf(context: PlannerContext): Promise<Alias[]> {
  const found = known.get(context) ?? readAliases(context)
  known.set(context, found)
  return found
}

async function readAliases(context: PlannerContext): Promise<Alias[]> {
  const out: Alias[] = []
  for (const file of ['tsconfig.json', 'jsconfig.json', 'tsconfig.base.json']) {
    const options = object((await settings(context, file)).compilerOptions)
    const base = typeof options.baseUrl === 'string' ? options.baseUrl : '.'
    for (const [pattern, value] of Object.entries(object(options.paths)))
      if (Array.isArray(value))
        out.push(
          aliasOf(
            pattern,
            value.filter((one) => typeof one === 'string').map((one) => posix.join(base, one)),
          ),
        )
    if (typeof options.baseUrl === 'string') out.push(aliasOf('*', [posix.join(base, '*')]))
  }
  for (const [pattern, value] of Object.entries(object((await settings(context, 'package.json')).imports))) {
    const path = firstPath(value)
    if (pattern.startsWith('#') && path !== undefined) out.push(aliasOf(pattern, [path]))
  }
  return out.slice(0, limits.patterns)
}

/** Where an import of `file` may lead inside the package, best first: relative to the file, else by the aliases of its settings. */
export async function leadsTo(context: PlannerContext, file: string, path: string): Promise<string[]> {
  if (/^\.\.?(?:\/|$)/.test(path)) return [posix.join(posix.dirname(file), path)]
  return (await aliasesOf(context)).flatMap(({ before, after, exact, targets }) => {
    if (exact) return path === before ? targets : []
    if (!path.startsWith(before) || !path.endsWith(after) || path.length < before.length + after.length) return []
    const middle = path.slice(before.length, path.length - after.length)
    return targets.map((target) => target.replace('*', () => middle))
  })
}
