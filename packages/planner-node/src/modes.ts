import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { angularOutput } from './angular.js'
import { type Found, setsTo } from './frameworks.js'
import { dependencyVersion, fact, type Manifest, shown } from './manifest.js'
import { callsProgram, expanded } from './scripts.js'
import { isMark, objectAt, pathAt, valueOf, type Word } from './text.js'

/**
 * `static`: an export to a fixed directory, `spa`: the same, where unknown paths answer with index.html; `site`: a static framework,
 * whose directory may be set; `server`: started its own way; `ssr`: only a start script of its own can tell.
 */
export type Mode = 'static' | 'spa' | 'site' | 'server' | 'ssr'

const astroHosts = ['@astrojs/vercel', '@astrojs/netlify', '@astrojs/cloudflare', '@astrojs/deno']
const nitroNode = ['node-server', 'node_server', 'node', 'node-cluster']
const nitroStatic = ['static', 'github-pages', 'github_pages']

/** How the framework runs, told by its configuration as text; what cannot be told surely is `ssr`, which no guess deploys. */
export async function modeOf(
  context: PlannerContext,
  manifest: Manifest,
  found: Found,
  evidence: Evidence[],
): Promise<Mode> {
  const { framework, config } = found
  const list = config?.list ?? []
  const seen = (signal: string, value: string | boolean) =>
    evidence.push(fact(context, 'config', config!.file, signal, value))
  switch (framework.name) {
    case 'next':
      if (!setsTo(list, 'output', 'export')) break
      seen('output', 'export')
      return 'static'
    case 'nuxt':
      return nuxtMode(context, manifest, found, evidence)
    case 'react-router':
    case 'remix':
      if (!setsTo(list, 'ssr', 'false')) break
      seen('ssr', false)
      return 'spa'
    case 'angular': {
      const output = await angularOutput(context.tree)
      if (output === null) return 'ssr'
      evidence.push(fact(context, 'config', 'angular.json', 'outputPath', output))
      return 'static'
    }
    case 'sveltekit':
      return svelteMode(context, manifest, found, evidence)
    case 'astro': {
      if (dependencyVersion(manifest, '@astrojs/node') !== undefined) {
        evidence.push(fact(context, 'dependency', 'package.json', 'dependencies.@astrojs/node'))
        return setsTo(list, 'mode', 'middleware') ? 'ssr' : 'server'
      }
      const host = astroHosts.find((name) => dependencyVersion(manifest, name) !== undefined)
      if (host !== undefined) evidence.push(fact(context, 'dependency', 'package.json', `dependencies.${host}`))
      return host !== undefined || setsTo(list, 'output', 'server') || setsTo(list, 'output', 'hybrid') ? 'ssr' : 'site'
    }
    case 'vite':
      return (await isPage(context, manifest, list, evidence)) ? 'site' : 'ssr'
  }
  return framework.kind === 'static' ? 'site' : framework.kind
}

function nuxtMode(context: PlannerContext, manifest: Manifest, { config, version }: Found, evidence: Evidence[]): Mode {
  const list = config?.list ?? []
  // Nuxt 2 builds to other places and starts another way.
  if (/^[\^~]?2\b/.test(version)) return 'ssr'
  const spa = setsTo(list, 'ssr', 'false', 1)
  if (spa) {
    evidence.push(fact(context, 'config', config!.file, 'ssr', false))
    return 'spa'
  }
  const build = manifest.scripts.build ?? ''
  if (/\b(?:nuxt|nuxi)\s+generate\b/.test(expanded(build, manifest))) {
    evidence.push(fact(context, 'script', 'package.json', 'scripts.build', shown(build)))
    return 'static'
  }
  const nitro = valueOf(list, 'nitro', 1)
  const inside = nitro >= 0 && isMark(list[nitro], '{') ? objectAt(list, nitro) : []
  const at = valueOf(inside, 'preset', 1)
  if (at < 0) return 'server'
  const preset = inside[at]!.type === 'string' ? inside[at]!.value : 'computed'
  evidence.push(fact(context, 'config', config!.file, 'nitro.preset', preset))
  return nitroNode.includes(preset) ? 'server' : nitroStatic.includes(preset) ? 'static' : 'ssr'
}

/** The adapter that the configuration imports, else the one that is installed. Another directory than the usual one is not guessed. */
function svelteMode(context: PlannerContext, manifest: Manifest, { config }: Found, evidence: Evidence[]): Mode {
  const list = config?.list ?? []
  const imported = list.find(
    (word) => word.type === 'string' && /^@sveltejs\/adapter-|^svelte-adapter-/.test(word.value),
  )
  const known = ['@sveltejs/adapter-static', '@sveltejs/adapter-node']
  const adapter = imported?.value ?? known.find((name) => dependencyVersion(manifest, name) !== undefined)
  if (adapter === undefined) return 'ssr'
  evidence.push(
    fact(context, 'dependency', 'package.json', `dependencies.${adapter}`, dependencyVersion(manifest, adapter)),
  )
  const key = adapter === known[0] ? 'pages' : 'out'
  const directory = valueOf(list, key)
  if (!known.includes(adapter) || (directory >= 0 && list[directory]?.value !== 'build')) return 'ssr'
  if (adapter === known[1]) return 'server'
  const fallback = valueOf(list, 'fallback')
  if (list[fallback]?.type !== 'string') return 'static'
  evidence.push(fact(context, 'config', config!.file, 'fallback', list[fallback]!.value))
  return 'spa'
}

/** Does Vite build a page here? Not where it builds a server beside it, nor the assets of a page that another program renders. */
async function isPage(
  context: PlannerContext,
  manifest: Manifest,
  list: Word[],
  evidence: Evidence[],
): Promise<boolean> {
  const [name, line] =
    Object.entries(manifest.scripts).find(([, one]) => callsProgram(one, 'vite') && /\s--ssr\b/.test(one)) ?? []
  if (name !== undefined) {
    evidence.push(fact(context, 'script', 'package.json', `scripts.${name}`, shown(line!)))
    return false
  }
  const backend = ['laravel-vite-plugin', 'vite-plugin-ruby', 'vite-plugin-rails', 'vite-plugin-symfony'].find(
    (plugin) => dependencyVersion(manifest, plugin) !== undefined,
  )
  if (backend === undefined) return true
  evidence.push(fact(context, 'dependency', 'package.json', `dependencies.${backend}`))
  const root = valueOf(list, 'root', 1)
  return root >= 0 && pathAt(list, root) !== null && context.tree.has(`${pathAt(list, root)}/index.html`)
}
