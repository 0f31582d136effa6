import { readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CliError } from '../errors.js'

// A configuration may import these without an installation beside it: they are this program's own copies.
const offered = [
  '@appaloft/core',
  '@appaloft/core/spec',
  '@appaloft/planner-compose',
  '@appaloft/planner-dockerfile',
  '@appaloft/planner-image',
  '@appaloft/planner-node',
  '@appaloft/planner-static',
  '@appaloft/proxy-caddy',
  '@appaloft/proxy-embedded',
  '@appaloft/store-sqlite',
  '@appaloft/target-docker',
  '@appaloft/target-process',
  '@appaloft/target-ssh',
]

/** What the file exports by default, not yet validated. */
export async function evaluateConfig(file: string): Promise<unknown> {
  const name = basename(file)
  try {
    return extname(file) === '.json' ? JSON.parse(readFileSync(file, 'utf8')) : await evaluateModule(file)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') {
      throw new CliError('config-not-found', `There is no ${name}.`, { hint: 'Run appaloft init, or mend --config.' })
    }
    // The first line: what follows is a frame of code or a stack.
    const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
    throw new CliError('config-invalid', `${name} cannot be read: ${reason}`, {
      hint: `Mend ${name}.`,
      details: { file: name },
    })
  }
}

async function evaluateModule(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false, alias: aliases() })
  return jiti.import(file, { default: true })
}

function aliases(): Record<string, string> {
  const found: Record<string, string> = { appaloft: fileURLToPath(ownIndex()) }
  for (const name of offered) {
    try {
      found[name] = fileURLToPath(import.meta.resolve(name))
    } catch {
      // Not resolvable from here: the configuration's own installation decides.
    }
  }
  return found
}

/** The library beside this module: one folder up in the sources, the same folder in the build. */
function ownIndex(): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL('../index.ts', import.meta.url)
    : new URL('./index.js', import.meta.url)
}
