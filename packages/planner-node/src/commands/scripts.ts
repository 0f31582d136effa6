import { limits } from '../options.js'
import type { Manifest } from '../sources/manifest.js'

const wrappers = new Set([
  'cross-env',
  'cross-env-shell',
  'env',
  'npx',
  'bunx',
  'pnpx',
  'exec',
  'dotenv',
  'dotenvx',
  'time',
  'command',
])
const assignment = /^[A-Za-z_]\w*=/

/** Where the program stands in an argv that begins with wrappers, their flags and assignments. */
function programAt(argv: readonly string[]): number {
  let at = 0
  for (;;) {
    const word = argv[at] ?? ''
    if (assignment.test(word) || wrappers.has(word)) at += 1
    else if (at > 0 && ['-e', '-f', '-c', '-p', '--package'].includes(word)) at += 2
    else if (at > 0 && (word === '--' || /^--?[a-z]/.test(word) || (word === 'run' && argv[at - 1] === 'dotenvx')))
      at += 1
    else if (word === 'env-cmd') at += argv[at + 1]?.startsWith('-') ? 3 : 1
    else if (['doppler', 'infisical', 'op'].includes(word) && argv.includes('--', at)) at = argv.indexOf('--', at) + 1
    else if (['pnpm', 'yarn', 'npm', 'bun'].includes(word) && ['exec', 'dlx', 'x'].includes(argv[at + 1] ?? '')) at += 2
    else return at
  }
}

/** The commands of a shell line, each with the words before its program. */
function commands(line: string): string[][] {
  return line
    .replace(/\d?>&?\d|\d?>>?\s*\S+/g, ' ')
    .split(/&&|\|\||[;|&\n()]/)
    .map((part) => (part.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((one) => one.replace(/^["']|["']$/g, '')))
    .filter((argv) => argv.length > 0)
}

/** The programs of a shell line with their arguments, without the wrappers and assignments before them. */
export function calls(line: string): string[][] {
  return commands(line).map((argv) => {
    const [program, ...rest] = argv.slice(programAt(argv))
    // `npx serve@latest`
    return program === undefined ? [] : [program.replace(/(?<=[^/@])@[^/@]+$/, ''), ...rest]
  })
}

const runner = /^(?:npm|pnpm|yarn|bun)$/

/** The scripts that an argv runs by name. */
function scriptsOf(argv: readonly string[], manifest: Manifest): string[] {
  const [program = '', ...rest] = argv
  const words = rest.filter((one) => !one.startsWith('-'))
  if (runner.test(program)) {
    if (isElsewhere(argv)) return []
    const name =
      words[0] === 'run' || words[0] === 'run-script'
        ? words[1]
        : program === 'npm' && !['start', 'test'].includes(words[0] ?? '')
          ? undefined
          : words[0]
    return name !== undefined && manifest.scripts[name] !== undefined ? [name] : []
  }
  if (!['run-s', 'run-p', 'npm-run-all', 'npm-run-all2', 'concurrently', 'wireit'].includes(program)) return []
  const names = Object.keys(manifest.scripts)
  return words.flatMap((word) => {
    const name = word.replace(/^(?:npm|pnpm|yarn|bun)(?:[: ]run)?[: ]/, '').split(' ')[0]!
    if (!name.endsWith('*')) return names.includes(name) ? [name] : []
    return names.filter((one) => one.startsWith(name.replace(/\*+$/, '')))
  })
}

/** The argvs that a line comes to, those of scripts that it runs by name in their place. */
export function programs(line: string, manifest: Manifest, depth = 0): string[][] {
  return calls(line).flatMap((argv) => {
    const names = depth < limits.scriptDepth ? scriptsOf(argv, manifest) : []
    if (names.length > 0) return names.flatMap((name) => programs(manifest.scripts[name]!, manifest, depth + 1))
    // What runs several commands at once names them in quotes.
    if (argv[0] === 'concurrently' && depth < limits.scriptDepth)
      return argv
        .slice(1)
        .filter((one) => one.includes(' '))
        .flatMap((one) => programs(one, manifest, depth + 1))
    return [argv]
  })
}

/** The variables that a line sets for its programs, those of scripts that it runs included. */
export function variablesOf(line: string, manifest: Manifest, depth = 0): Record<string, string> {
  const out: Record<string, string> = {}
  for (const argv of commands(line)) {
    const at = programAt(argv)
    for (const word of argv.slice(0, at))
      if (assignment.test(word))
        out[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1).replace(/^["']|["']$/g, '')
    if (depth < limits.scriptDepth)
      for (const name of scriptsOf(argv.slice(at), manifest))
        Object.assign(out, variablesOf(manifest.scripts[name]!, manifest, depth + 1))
  }
  return out
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

/** Does an argv of a package manager speak of other packages of a workspace, or of another folder? */
const isElsewhere = (argv: readonly string[]): boolean =>
  argv.some((one) =>
    /^(?:-r|-F|-w|-C|--recursive|--filter|--workspaces?|workspaces?|--prefix|--cwd|--dir)$|^--(?:filter|workspace|prefix|cwd|dir)=/.test(
      one,
    ),
  )

/** Does the line start packages of a workspace instead of the one whose script it is? */
export function isDispatch(line: string): boolean {
  return calls(line).some(([program = '', ...rest]) => {
    if (['turbo', 'nx', 'lerna', 'wsrun'].includes(program)) return true
    if (!runner.test(program)) return false
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

const runtimes = new Set([
  'node',
  'bun',
  'tsx',
  'ts-node',
  'ts-node-esm',
  'swc-node',
  'pm2-runtime',
  'esno',
  'esr',
  'babel-node',
  'jiti',
])
const watchers = new Set(['nodemon', 'ts-node-dev', 'tsnd', 'node-dev', 'supervisor'])
const takesValue = new Set([
  '-r',
  '--require',
  '--import',
  '--loader',
  '--env-file',
  '-P',
  '--project',
  '--exec',
  '-x',
  '--watch',
  '-w',
  '--ext',
  '-e',
  '--ignore',
  '-i',
  '--name',
  '--experimental-loader',
])

/** The file that a line hands to Node, bun, tsx or ts-node; `development`: to what starts it again after each change. */
export function entryOf(line: string, { development = false } = {}): string | undefined {
  for (const argv of calls(line).reverse()) {
    const program = argv[0] ?? ''
    const watching = development && (watchers.has(program) || runtimes.has(program))
    if (!watching && !runtimes.has(program)) continue
    for (let i = 1; i < argv.length; i++) {
      const word = argv[i]!
      if (takesValue.has(word) && !(program !== 'nodemon' && /^(?:--watch|-w|-e)$/.test(word))) i += 1
      else if (!word.startsWith('-') && !(['run', 'x', 'start', 'watch'].includes(word) && program !== 'node'))
        return word
    }
  }
  return undefined
}
