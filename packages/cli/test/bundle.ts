import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const packages = resolve(import.meta.dirname, '../..')

/**
 * Programs for processes of their own, each with the sources of all packages in one file, and the keeper beside them. By name and path
 * below `packages`. Lies below the repository, so that dependencies which cannot be bundled are found from there.
 */
export async function bundle(programs: Record<string, string>): Promise<{ folder: string; end(): void }> {
  const cache = join(packages, '../.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'programs-'))
  const entries = { ...programs, keeper: 'target-process/src/keeper/main.ts' }
  await build({
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(packages, path)])),
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@appaloft/source'],
    banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    external: ['libsql', 'jiti', 'esbuild'],
    logLevel: 'silent',
  })
  return { folder, end: () => rmSync(folder, { recursive: true, force: true }) }
}
