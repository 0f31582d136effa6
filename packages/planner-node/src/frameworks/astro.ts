import { posix } from 'node:path'
import { flagOf } from './output.js'
import { blocked, noOutput, undecided } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

const fix = 'Add the adapter for Node, or render everything when the site is built.'
const example = 'npx astro add node'
const foreign =
  /^@astrojs\/(?:vercel|netlify|cloudflare|deno)\b|^astro-(?:sst|aws)|^@deno\/astro|^@wix\/|^@flue\/|^@edgio\//

async function mode(project: Project): Promise<Mode> {
  const { config } = project
  const flag = flagOf(project, 'astro', ['--outDir'])
  const set = config?.path('outDir') ?? { state: 'absent' }
  if (flag === undefined && set.state === 'computed') return noOutput(config!.file, 'outDir')
  if (set.state === 'known') project.see(config!.file, 'outDir', set.value)
  const output = flag ?? (set.state === 'known' ? String(set.value) : 'dist')
  const rendering = project.setting('output')
  if (rendering.state === 'computed') return undecided(project, 'output')
  const rendered = rendering.state === 'known' ? String(rendering.value) : 'static'
  const adapters = (config?.calls('adapter') ?? []).map((one) =>
    one.from === '' ? { ...one, from: `@astrojs/${one.name}` } : one,
  )
  if (adapters.length > 1) return undecided(project, 'adapter')
  const adapter = adapters[0]
  // Without a configuration that says so, an adapter among the dependencies is left over.
  if (adapter === undefined) {
    if (config?.at('adapter').type === 'unknown') return undecided(project, 'adapter')
    if (rendered === 'static' && config === null && project.uses('@astrojs/node') !== undefined)
      return { kind: 'server', start: ['node', './dist/server/entry.mjs'], port: 4321 }
    const host =
      config === null
        ? project.uses('@astrojs/vercel', '@astrojs/netlify', '@astrojs/cloudflare', '@astrojs/deno')
        : undefined
    if (host !== undefined)
      return {
        kind: 'server',
        start: null,
        missing: blockedReason('An adapter of Astro for another host is installed.'),
      }
    if (rendered === 'static') return { kind: 'static', output }
    return blocked(`Astro renders on a server here (output: ${rendered}), and no adapter says on which.`, fix, example)
  }
  project.see(config!.file, 'adapter', adapter.from)
  // Before version 5 an adapter is used only where the output asks for it; from then on it always is.
  if (rendered === 'static' && project.major > 0 && project.major < 5 && /^@astrojs\/node$/.test(adapter.from))
    return { kind: 'static', output }
  if (/^@astrojs\/node$/.test(adapter.from)) {
    const how = config!.setting('mode', adapter.argument)
    if (how.state === 'computed') return undecided(project, 'the mode of the adapter')
    const server = config!.path('build.server')
    const entry = config!.setting('build.serverEntry')
    const file = posix.join(
      server.state === 'known' ? String(server.value) : posix.join(output, 'server'),
      entry.state === 'known' ? String(entry.value) : 'entry.mjs',
    )
    if (how.state === 'known') project.see(config!.file, 'adapter.mode', how.value)
    if (how.state === 'known' && how.value === 'middleware')
      return {
        kind: 'server',
        start: null,
        missing: blockedReason(
          'The Node adapter of Astro is in middleware mode, and no script starts the server around it.',
        ),
      }
    return { kind: 'server', start: ['node', `./${file}`], port: 4321 }
  }
  if (/bun/.test(adapter.from))
    return { kind: 'server', start: ['bun', `./${posix.join(output, 'server/entry.mjs')}`], port: 4321 }
  const host = foreign.test(adapter.from)
    ? `${adapter.from} builds for another host than this one`
    : `${adapter.from} is no adapter that is known here`
  return { kind: 'server', start: null, missing: blockedReason(`${host}.`) }
}

function blockedReason(message: string) {
  const found = blocked(message, 'Use the adapter for Node in its mode standalone.', example)
  return (found as Extract<Mode, { kind: 'blocked' }>).reason
}

export const astro: Framework = {
  name: 'astro',
  packages: ['astro'],
  programs: ['astro'],
  configs: ['astro.config'],
  files: ['src/pages/', 'src/content/'],
  build: ['astro', 'build'],
  output: 'dist',
  start: ['node', './dist/server/entry.mjs'],
  port: 4321,
  servers: ['astro'],
  mode,
}
