import { posix } from 'node:path'
import type { Project } from './types.js'

/** The value of a flag in an argv: `--outDir x`, `--outDir=x`. */
export function flagValue(argv: readonly string[], flags: readonly string[]): string | undefined {
  for (const [at, word] of argv.entries())
    for (const flag of flags) {
      if (word === flag) return argv[at + 1]
      if (word.startsWith(`${flag}=`)) return word.slice(flag.length + 1)
    }
  return undefined
}

const clean = (path: string): string => posix.normalize(path).replace(/(?<=.)\/$/, '')

/** A directory that a flag of a program in the build script names, with evidence. */
export function flagOf(
  project: Project,
  program: string | readonly string[],
  flags: readonly string[],
): string | undefined {
  for (const argv of project.build) {
    if (![program].flat().includes(argv[0]!)) continue
    const value = flagValue(argv, flags)
    if (value === undefined) continue
    project.see('package.json', 'scripts.build', `${flags[0]} ${value}`)
    return clean(value)
  }
  return undefined
}

/** The first word behind a program and its subcommand that is no flag: the folder that it works on. */
export function argumentOf(project: Project, program: string, subcommand: string | null): string | undefined {
  for (const argv of project.build) {
    if (argv[0] !== program || (subcommand !== null && argv[1] !== subcommand)) continue
    const rest = argv.slice(subcommand === null ? 1 : 2)
    for (let i = 0; i < rest.length; i++) {
      if (!rest[i]!.startsWith('-')) return clean(rest[i]!)
      if (takesValue.has(rest[i]!)) i += 1
    }
  }
  return undefined
}

const takesValue = new Set([
  ...['-c', '--config', '-m', '--mode', '--base', '-b', '--outDir', '--out-dir', '--out', '-o', '-d', '--dist-dir'],
  ...['--temp', '--cache', '--dest', '-l', '--logLevel', '--theme', '--env', '--configuration', '--ssr', '--target'],
])

/** What a configuration says of a directory at one of these paths: the directory, null where it is computed. */
export function directoryOf(project: Project, ...paths: string[]): string | null | undefined {
  for (const path of paths) {
    const set = project.config?.path(path) ?? { state: 'absent' }
    if (set.state === 'absent') continue
    if (set.state === 'computed') return null
    project.see(project.config!.file, path, String(set.state === 'known' ? set.value : ''))
    return set.state === 'known' ? clean(String(set.value)) : null
  }
  return undefined
}
