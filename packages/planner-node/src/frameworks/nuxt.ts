import { posix } from 'node:path'
import { flagValue } from './output.js'
import { blocked, undecided } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

const staticPresets = ['static', 'github-pages', 'gitlab-pages']
const nodePresets = ['node-server', 'node', 'node-cluster']

/** The preset of Nitro, from the build's environment and flags or from the configuration. Undefined: its own, which is Node. */
export function nitroPreset(project: Project, ...paths: string[]): string | null | undefined {
  const flag = project.build.map((argv) => flagValue(argv, ['--preset'])).find((one) => one !== undefined)
  const given = project.variables.NITRO_PRESET ?? project.variables.SERVER_PRESET ?? flag
  if (given !== undefined) {
    project.see('package.json', 'scripts.build', `preset ${given}`)
    return given.replaceAll('_', '-')
  }
  for (const path of paths) {
    const set = project.setting(path)
    if (set.state === 'computed') return null
    if (set.state === 'known') return String(set.value).replaceAll('_', '-')
  }
  return undefined
}

/** What a preset of Nitro makes of what lies in `output`. */
export function nitroMode(project: Project, preset: string | null | undefined, output = '.output'): Mode {
  if (preset === null) return undecided(project, 'the preset of Nitro')
  const server = posix.join(output, 'server/index.mjs')
  if (preset === undefined || nodePresets.includes(preset))
    return { kind: 'server', start: ['node', server], port: 3000 }
  if (staticPresets.includes(preset)) return { kind: 'static', output: posix.join(output, 'public') }
  if (preset === 'bun') return { kind: 'server', start: ['bun', 'run', server], port: 3000 }
  if (preset === 'deno-server')
    return { kind: 'server', start: ['deno', 'run', '-A', posix.join(output, 'server/index.ts')], port: 3000 }
  return blocked(
    `The preset ${preset} of Nitro builds for another host than this one.`,
    'Remove the preset, or set it to node-server.',
    "preset: 'node-server'",
  )
}

function mode(project: Project): Mode {
  if (project.major === 2 || project.major === 1) return second(project)
  const generated = project.build.some((argv) => ['nuxt', 'nuxi'].includes(argv[0]!) && argv[1] === 'generate')
  const ssr = project.setting('ssr')
  const directory = project.setting('nitro.output.dir')
  const output = directory.state === 'known' ? posix.normalize(String(directory.value)) : '.output'
  if (ssr.state === 'computed') return undecided(project, 'ssr')
  const spa = ssr.state === 'known' && ssr.value === false
  if (generated) {
    project.see('package.json', 'scripts.build', 'nuxt generate')
    return { kind: 'static', output: posix.join(output, 'public'), spa }
  }
  // `nuxt build` writes no page for the browser to begin with; `nuxt generate` does.
  if (spa)
    return {
      kind: 'static',
      output: posix.join(output, 'public'),
      spa,
      build: { scripts: ['generate'], argv: ['nuxt', 'generate'] },
    }
  const mode = nitroMode(project, nitroPreset(project, 'nitro.preset'), output)
  // From version 3 on that is a preview.
  return mode.kind === 'server' ? { ...mode, instead: /(?:^|[\s/])nux[ti] start(?:\s|$)/ } : mode
}

/** Nuxt 2, which builds to other places and starts another way. */
function second(project: Project): Mode {
  const generated = project.build.some((argv) => argv[0] === 'nuxt' && argv[1] === 'generate')
  const target = project.setting('target')
  const ssr = project.setting('ssr')
  const old = project.setting('mode')
  if (target.state === 'computed') return undecided(project, 'target')
  const spa = (ssr.state === 'known' && ssr.value === false) || (old.state === 'known' && old.value === 'spa')
  const isStatic = target.state === 'known' && target.value === 'static'
  const set = project.config?.path('generate.dir') ?? { state: 'absent' }
  const output = set.state === 'known' ? String(set.value) : 'dist'
  if (generated || isStatic || spa)
    return {
      kind: 'static',
      output,
      spa,
      ...(generated ? {} : { build: { scripts: ['generate'], argv: ['nuxt', 'generate'] } }),
    }
  return { kind: 'server', start: ['nuxt', 'start'], port: 3000 }
}

export const nuxtFamily: readonly Framework[] = [
  {
    name: 'nuxt',
    packages: ['nuxt', 'nuxt3', 'nuxt-edge', 'nuxt-nightly'],
    programs: ['nuxt', 'nuxi', 'nuxt-ts'],
    configs: ['nuxt.config'],
    files: ['app.vue', 'pages/', 'app/'],
    build: ['nuxt', 'build'],
    output: '.output/public',
    start: ['node', '.output/server/index.mjs'],
    port: 3000,
    servers: ['nuxt', 'nuxi', 'nuxt-ts', 'nuxt-start'],
    mode,
  },
]

export const nitro: Framework = {
  name: 'nitro',
  packages: ['nitropack', 'nitro', 'nitropack-nightly'],
  programs: ['nitro', 'nitropack'],
  configs: ['nitro.config'],
  build: ['nitro', 'build'],
  output: '.output',
  start: ['node', '.output/server/index.mjs'],
  port: 3000,
  mode: (project) => {
    const set = project.setting('output.dir')
    return nitroMode(project, nitroPreset(project, 'preset'), set.state === 'known' ? String(set.value) : '.output')
  },
}
