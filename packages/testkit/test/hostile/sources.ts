import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Sample {
  name: string
  files: Record<string, string>
  baseDirectory?: string
}

const packages = join(import.meta.dirname, '../../..')

/** The sources of every planner's fixtures. */
export function fixtureSources(): Sample[] {
  const found: Sample[] = []
  for (const planner of readdirSync(packages)
    .filter((name) => name.startsWith('planner-'))
    .sort()) {
    for (const folder of ['fixtures', 'test/fixtures']) {
      const at = join(packages, planner, folder)
      if (!existsSync(at)) continue
      for (const name of readdirSync(at).sort()) {
        const source = join(at, name, 'source')
        if (!existsSync(source)) continue
        const files: Record<string, string> = {}
        for (const path of readdirSync(source, { recursive: true, encoding: 'utf8' }).sort()) {
          const text = textOf(join(source, path))
          if (text !== null) files[path] = text
        }
        if (Object.keys(files).length > 0) found.push({ name: `${planner}/${name}`, files })
      }
    }
  }
  return found
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
