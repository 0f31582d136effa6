import type { Manifest } from '../sources/manifest.js'
import { isDevelopment } from './development.js'
import { calls, expanded, programs } from './scripts.js'

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

const packers = new Set([
  ...[
    'tsup',
    'unbuild',
    'tsc',
    'vue-tsc',
    'rollup',
    'tsdown',
    'microbundle',
    'bunchee',
    'father',
    'babel',
    'swc',
    'vite',
  ],
  ...['rimraf', 'rm', 'del-cli', 'shx', 'ng-packagr', 'stencil', 'preconstruct', 'bob', 'api-extractor', 'esbuild'],
])

/** Does the line do nothing but pack a library, without the program of the framework? */
const packs = (line: string, manifest: Manifest, program: string): boolean =>
  programs(line, manifest).every(([one]) => one !== program && packers.has(one!))

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
  const own =
    framework === undefined
      ? undefined
      : Object.keys(manifest.scripts)
          .filter((name) => /build|generate|export/.test(name))
          .map(fit)
          .find((one) => one !== null && calls(one.line).some((argv) => framework.every((word, i) => argv[i] === word)))
  for (const name of names) {
    const found = fit(name)
    // The site of a library has a script of its own beside the one that builds the library.
    if (found !== null) return own && packs(found.line, manifest, framework![0]!) ? own : found
  }
  if (own) return own
  if (output)
    for (const name of compilers) {
      const found = fit(name)
      if (found !== null) return found
    }
  return null
}
