import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Subject } from '@appaloft/testkit'
import { build } from 'esbuild'

const core = resolve(import.meta.dirname, '../../core/src')
// Below the repository, so that dependencies are found from there.
const cache = resolve(import.meta.dirname, '../../../.cache')

/** By file below `core/src`: texts, and what stands there instead. */
export type Edits = Record<string, readonly (readonly [text: string, instead: string])[]>

/** The engine with a deliberate fault in it, from a bundle of its own. A text that is not found exactly once is an error: the fault would not be one. */
export async function engineWith(edits: Edits): Promise<Subject> {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'mutant-'))
  const applied = new Set<string>()
  try {
    await build({
      entryPoints: [join(core, 'index.ts')],
      outfile: join(folder, 'core.mjs'),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      logLevel: 'silent',
      plugins: [
        {
          name: 'fault',
          setup: ({ onLoad }) => {
            onLoad({ filter: /\.ts$/ }, ({ path }) => {
              const file = relative(core, path)
              const changes = edits[file]
              if (changes === undefined) return undefined
              applied.add(file)
              return { contents: changes.reduce(replaceOnce, readFileSync(path, 'utf8')), loader: 'ts' }
            })
          },
        },
      ],
    })
    const missing = Object.keys(edits).filter((file) => !applied.has(file))
    if (missing.length > 0) throw new Error(`The engine does not have ${missing.join(', ')}.`)
    const { createAppaloft, memoryStore } = await import(pathToFileURL(join(folder, 'core.mjs')).href)
    return { createAppaloft, store: memoryStore }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function replaceOnce(source: string, [text, instead]: readonly [string, string]): string {
  const times = source.split(text).length - 1
  if (times !== 1) throw new Error(`${JSON.stringify(text)} is in the file ${times} times, not once.`)
  return source.replace(text, () => instead)
}
