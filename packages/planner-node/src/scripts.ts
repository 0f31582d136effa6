import type { Manifest } from './manifest.js'
import { limits } from './options.js'

/** The programs of a shell line with their arguments, without the wrappers and assignments before them. */
export function calls(line: string): string[][] {
  return line.split(/&&|\|\||[;|&\n]/).map((part) => {
    const found = part.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []
    const argv = found.map((one) => one.replace(/^["']|["']$/g, ''))
    let at = 0
    while (
      /^[A-Za-z_]\w*=/.test(argv[at] ?? '') ||
      [
        'cross-env',
        'cross-env-shell',
        'env',
        'npx',
        'bunx',
        'exec',
        '--no-install',
        '-y',
        '--yes',
        'dotenv',
        '--',
      ].includes(argv[at] ?? '')
    )
      at += 1
    return argv.slice(at)
  })
}

/** What a line comes to: a call of a script of package.json is replaced by the script. */
export function expanded(line: string, manifest: Manifest): string {
  let out = line
  for (let depth = 0; depth < limits.scriptDepth; depth++) {
    const match = /^\s*(?:npm|pnpm|yarn|bun)\s+(?:(?:--silent|-s)\s+)?(?:run\s+)?([\w:.-]+)\s*$/.exec(out)
    const script = match ? manifest.scripts[match[1]!] : undefined
    if (script === undefined || script === out) return out
    out = script
  }
  return out
}

const always = new Set([
  ...['nodemon', 'ts-node-dev', 'tsnd', 'node-dev', 'webpack-dev-server', 'live-server', 'lite-server'],
  ...['browser-sync', 'browsersync', 'tsc-watch', 'vite-node-dev'],
])
/** Programs by the arguments with which they are development servers; `''` stands for no subcommand. */
const subcommands: Record<string, readonly string[]> = {
  vite: ['', 'dev', 'serve', 'preview'],
  ng: ['serve', 's'],
  gatsby: ['develop', 'serve'],
  astro: ['', 'dev', 'preview', 'start'],
  docusaurus: ['start', 'serve'],
  'react-scripts': ['start'],
  'react-app-rewired': ['start'],
  craco: ['start'],
  next: ['', 'dev'],
  nuxt: ['', 'dev', 'preview', 'start'],
  nuxi: ['dev', 'preview'],
  'vue-cli-service': ['serve'],
  webpack: ['serve', 'watch'],
  nest: ['start'],
  remix: ['dev', 'vite:dev'],
  'react-router': ['dev'],
  vinxi: ['dev'],
  'solid-start': ['dev'],
  nitro: ['dev'],
  nitropack: ['dev'],
  expo: ['start'],
  ember: ['serve', 'server', 's'],
  quasar: ['dev'],
  vitepress: ['', 'dev', 'preview', 'serve'],
  vuepress: ['dev'],
  hexo: ['server', 's'],
  parcel: ['', 'serve', 'watch'],
  preact: ['watch'],
  gridsome: ['develop'],
  tsx: ['watch'],
}

/** Is the line a development or preview server? Such a one is never a production start. */
export function isDevelopment(line: string): boolean {
  return calls(line).some(([program = '', ...rest]) => {
    if (always.has(program)) return true
    const flags = rest.filter((one) => one.startsWith('-'))
    if (program === 'eleventy' || program === '@11ty/eleventy') return flags.some((f) => /^--(serve|watch)/.test(f))
    if (['node', 'bun', 'tsx', 'ts-node'].includes(program) && flags.some((f) => /^--(watch|hot)/.test(f))) return true
    const first = rest[0]
    const subcommand = first === undefined || first.startsWith('-') ? '' : first
    const known = subcommands[program]
    if (known === undefined) return false
    const files = program === 'parcel' && /\.html$/.test(subcommand)
    return files || known.includes(subcommand)
  })
}

/** Does the line start packages of a workspace instead of the one whose script it is? */
export function isDispatch(line: string): boolean {
  return calls(line).some(([program = '', ...rest]) => {
    if (['turbo', 'nx', 'lerna', 'wsrun'].includes(program)) return true
    if (!['npm', 'pnpm', 'yarn', 'bun'].includes(program)) return false
    return rest.some((one) =>
      /^(?:-r|-F|-w|--recursive|--filter|--workspaces?|workspaces?)$|^--(?:filter|workspace)=/.test(one),
    )
  })
}

/** Does a line call this program? */
export const callsProgram = (line: string, program: string): boolean => calls(line).some((argv) => argv[0] === program)

/** The value of a flag: `--outDir x`, `--outDir=x`. */
export function flagValue(line: string, flags: readonly string[]): string | undefined {
  for (const argv of calls(line))
    for (const [at, word] of argv.entries())
      for (const flag of flags) {
        if (word === flag) return argv[at + 1]
        if (word.startsWith(`${flag}=`)) return word.slice(flag.length + 1)
      }
  return undefined
}

/** The file that a line hands to Node, bun, tsx or ts-node. */
export function entryOf(line: string): string | undefined {
  const takesValue = new Set(['-r', '--require', '--import', '--loader', '--env-file', '-P', '--project'])
  for (const argv of calls(line).reverse()) {
    if (!['node', 'bun', 'tsx', 'ts-node', 'ts-node-esm', 'swc-node', 'pm2-runtime'].includes(argv[0] ?? '')) continue
    for (let i = 1; i < argv.length; i++) {
      const word = argv[i]!
      if (takesValue.has(word)) i += 1
      else if (!word.startsWith('-') && !(['run', 'x', 'start'].includes(word) && argv[0] !== 'node')) return word
    }
  }
  return undefined
}
