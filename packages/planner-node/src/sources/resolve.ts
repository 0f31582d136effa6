import { posix } from 'node:path'
import type { PlannerContext } from '@appaloft/core/spec'

const endings = ['', '.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.tsx', '.jsx']

/** A module path as the file it names: as written, with an ending, or as a folder's index. */
export async function resolveFile(context: PlannerContext, path: string): Promise<string | null> {
  const clean = posix.normalize(path).replace(/\/$/, '')
  if (clean.startsWith('..')) return null
  const typed = clean.replace(/\.([mc]?)js$/, '.$1ts')
  for (const one of [clean, typed]) {
    for (const ending of endings) if (await context.tree.has(one + ending)) return one + ending
    for (const ending of endings.slice(1))
      if (await context.tree.has(`${one}/index${ending}`)) return `${one}/index${ending}`
  }
  return null
}
