import { isDevelopment } from './development.js'
import type { Manifest } from './manifest.js'
import { calls, expanded } from './scripts.js'

export interface BuildScript {
  name: string
  line: string
}

/** Names of scripts that build for production, best first. */
const names = [
  ...['build', 'build:prod', 'build:production', 'build-prod', 'build:release', 'production', 'build:all'],
  ...['heroku-postbuild', 'gcp-build'],
]
/** Names of scripts that write what a start runs: they count only where it would be missing. */
const compilers = ['compile', 'tsc', 'transpile', 'bundle', 'dist', 'build:server', 'build:ts', 'webpack']

const watchers = /^(?:tsc|webpack|rollup|vite|esbuild|tsup|babel|sass|node-sass|postcss|parcel|swc|tailwindcss|tsdown)$/
/** Programs that no build machine can be counted on to have, or that send the build elsewhere. */
const elsewhere =
  /^(?:docker|docker-compose|podman|gh-pages|firebase|netlify|vercel|surge|wrangler|electron-builder|eas)$/

/** Does the line never end, or do something other than write the output? */
function isUnfit(line: string, manifest: Manifest): boolean {
  if (isDevelopment(line, manifest)) return true
  return calls(line).some(([program = '', ...rest]) => {
    if (elsewhere.test(program)) return true
    return rest.some(
      (flag) => flag === '--watch' || flag === '--watch=true' || (flag === '-w' && watchers.test(program)),
    )
  })
}

/**
 * The script of package.json that builds for production. Where none has a known name: the one that calls the framework's own build, and
 * with `output` one that compiles.
 */
export function buildScript(
  manifest: Manifest,
  { framework, output = false }: { framework?: readonly string[]; output?: boolean } = {},
): BuildScript | null {
  const fit = (name: string): BuildScript | null => {
    const script = manifest.scripts[name]
    if (script === undefined || script.trim() === '') return null
    const line = expanded(script, manifest)
    return isUnfit(line, manifest) ? null : { name, line }
  }
  for (const name of names) {
    const found = fit(name)
    if (found !== null) return found
  }
  if (framework !== undefined) {
    const own = Object.keys(manifest.scripts)
      .filter((name) => /build|generate|export/.test(name))
      .map(fit)
      .find((one) => one !== null && calls(one.line).some((argv) => framework.every((word, i) => argv[i] === word)))
    if (own) return own
  }
  if (output)
    for (const name of compilers) {
      const found = fit(name)
      if (found !== null) return found
    }
  return null
}
