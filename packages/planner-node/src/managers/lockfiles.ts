import { posix } from 'node:path'
import type { Evidence, SourceTree } from '@appaloft/core/spec'
import { limits } from '../options.js'
import { own } from '../sources/own.js'
import type { Family } from './manager-field.js'

export interface Lock {
  /** Relative to the source's root. */
  file: string
  name: string
  family: Family
  /** Yarn's later versions. */
  berry?: boolean
  /** The versions of the package manager that its format tells: a major, a range; absent where it tells none. */
  version?: string
}

const names: readonly [file: string, family: Family][] = [
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
]

/** The lockfiles of one directory. */
export async function locksIn(root: SourceTree, directory: string): Promise<Lock[]> {
  const found: Lock[] = []
  for (const [name, family] of names) {
    const file = posix.join(directory, name)
    if (!(await root.has(file))) continue
    const text = (await root.readText(file, { maxBytes: limits.lockfileBytes })) ?? ''
    found.push({ file, name, family, ...told(name, text) })
  }
  return found
}

/** pnpm's formats: 9.0 is what pnpm 9, 10 and 11 all write. */
const pnpmFormats: readonly [format: RegExp, version: string][] = [
  [/^5\.3/, '6'],
  [/^5\.4/, '7'],
  [/^6\./, '8'],
  [/^9\./, '>=9'],
]
const berryFormats: Record<string, string> = { '4': '2', '5': '3', '6': '3', '8': '4' }

function told(name: string, text: string): { version?: string; berry?: boolean } {
  if (name === 'pnpm-lock.yaml') {
    const format = /^lockfileVersion:\s*['"]?(\d[\w.-]*)/m.exec(text)?.[1] ?? ''
    const version = pnpmFormats.find(([pattern]) => pattern.test(format))?.[1]
    return version === undefined ? {} : { version }
  }
  if (name === 'yarn.lock') {
    if (/^# yarn lockfile v1\s*$/m.test(text)) return { version: '1', berry: false }
    const format = /^__metadata:\s*\r?\n\s+version:\s*["']?(\d+)/m.exec(text)?.[1]
    if (format === undefined) return /^__metadata:/m.test(text) ? { berry: true } : {}
    const version = own(berryFormats, format)
    return { berry: true, ...(version === undefined ? {} : { version }) }
  }
  if (name === 'bun.lock') return { version: '>=1.2' }
  return name === 'bun.lockb' ? { version: '1' } : {}
}

export const lockEvidence = (lock: Lock, used = true): Evidence => ({
  kind: 'lockfile',
  file: lock.file,
  signal: used ? lock.name : `${lock.name} (not used)`,
  value: lock.family,
})
