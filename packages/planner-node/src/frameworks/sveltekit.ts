import { posix } from 'node:path'
import { copied } from './copy.js'
import { blocked, undecided } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

const fix = 'Add the adapter for Node, or the static one where every page can be prerendered.'
const example = 'npm install -D @sveltejs/adapter-node'

async function mode(project: Project): Promise<Mode> {
  const own = project.config
  const vite = own?.at('kit.adapter').type === 'call' ? null : await project.configOf('vite.config')
  const inVite = vite?.plugin(/^@sveltejs\/kit\/vite$/, /^sveltekit$/)
  const fromVite = vite && inVite ? vite.calls('adapter', inVite.argument) : []
  const calls = [...(own?.calls('kit.adapter') ?? []), ...fromVite]
  const config = fromVite.length > 0 ? vite : own
  const names = [...new Set(calls.map((one) => one.from))].filter((one) => one !== '')
  if (names.length > 1) return undecided(project, 'kit.adapter')
  const found = calls.find((one) => one.from !== '')
  const spare = ['@sveltejs/adapter-node', '@sveltejs/adapter-static']
  const adapter = found?.from ?? (own === null && vite === null ? spare.find((name) => project.uses(name)) : undefined)
  if (adapter === undefined || config === null)
    return adapter === undefined
      ? blocked('SvelteKit has no adapter here: nothing that can be run or served is built.', fix, example)
      : built(adapter)
  project.see(config.file, 'kit.adapter', adapter)
  if (adapter === '@sveltejs/adapter-auto')
    return blocked('adapter-auto of SvelteKit builds for hosts that it knows, and this is none of them.', fix, example)
  const path = (key: string, usual: string): string | null => {
    const set = found === undefined ? { state: 'absent' as const } : config.path(key, found.argument)
    if (set.state === 'known') project.see(config.file, `adapter.${key}`, set.value)
    return set.state === 'computed' ? null : set.state === 'known' ? String(set.value) : usual
  }
  if (adapter === '@sveltejs/adapter-static') {
    const pages = path('pages', 'build')
    if (pages === null) return undecided(project, 'adapter.pages')
    const fallback = found === undefined ? { state: 'absent' as const } : config.setting('fallback', found.argument)
    if (fallback.state === 'computed') return undecided(project, 'adapter.fallback')
    if (fallback.state !== 'known' || fallback.value === '404.html') return { kind: 'static', output: pages }
    project.see(config.file, 'adapter.fallback', fallback.value)
    const page = String(fallback.value)
    // The static server answers unknown paths with index.html, and with nothing else.
    return {
      kind: 'static',
      output: pages,
      spa: true,
      ...(page === 'index.html' ? {} : { package: copied(posix.join(pages, page), posix.join(pages, 'index.html')) }),
    }
  }
  if (adapter === '@sveltejs/adapter-node') {
    const out = path('out', 'build')
    if (out === null) return undecided(project, 'adapter.out')
    const prefix = found === undefined ? { state: 'absent' as const } : config.setting('envPrefix', found.argument)
    // With a prefix the server asks for another variable than PORT.
    const renamed = prefix.state === 'computed' || (prefix.state === 'known' && prefix.value !== '')
    return { kind: 'server', start: ['node', out], ...(renamed ? {} : { port: 3000 }) }
  }
  if (/^svelte-adapter-bun/.test(adapter)) {
    const out = path('out', 'build')
    return { kind: 'server', start: ['bun', `./${posix.join(out ?? 'build', 'index.js')}`], port: 3000 }
  }
  return {
    kind: 'server',
    start: null,
    missing: (
      blocked(`${adapter} builds for another host than this one.`, fix, example) as Extract<Mode, { kind: 'blocked' }>
    ).reason,
  }
}

const built = (adapter: string): Mode =>
  adapter === '@sveltejs/adapter-node'
    ? { kind: 'server', start: ['node', 'build'], port: 3000 }
    : { kind: 'static', output: 'build' }

export const sveltekit: Framework = {
  name: 'sveltekit',
  packages: ['@sveltejs/kit'],
  configs: ['svelte.config'],
  files: 'dependency',
  build: ['vite', 'build'],
  output: 'build',
  start: ['node', 'build'],
  port: 3000,
  servers: ['vite'],
  mode,
}
