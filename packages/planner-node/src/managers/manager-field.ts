import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import semver from 'semver'
import { isRange, linesIn } from '../sources/lines.js'
import { isObject, type Manifest, readManifest } from '../sources/manifest.js'
import { readSettings, upwards, type Workspace, yamlObject } from '../workspaces/workspace.js'

export type Family = 'npm' | 'pnpm' | 'yarn' | 'bun'
export const families: readonly Family[] = ['npm', 'pnpm', 'yarn', 'bun']

const textOr = (value: unknown, other: string): string => (typeof value === 'string' ? value : other)

export interface Named {
  family: Family
  /** Exact or a range, as it is written. */
  version?: string
  /** Yarn's later versions, where a tag says so. */
  berry?: boolean
  evidence: Evidence
  /** Why Corepack would refuse it. */
  fault?: string
}

/** `pnpm@9.1.0+sha512.…` and what people write instead of it. Null where it names no package manager that is known. */
export function parseField(text: string): Omit<Named, 'evidence'> | null {
  const match = /^(npm|pnpm|yarn|bun)(?:@([\s\S]*))?$/.exec(text.trim())
  if (match === null) return null
  const family = match[1] as Family
  const written = (match[2] ?? '').trim()
  if (written === '') return { family, fault: 'it names no version' }
  // An archive is exact by its address, which says nothing that can be relied on.
  if (written.includes('://')) return { family }
  const exact = semver.valid(written)
  if (exact !== null && /^\d/.test(written)) return { family, version: exact }
  if (isRange(written)) return { family, version: written, fault: 'it names a range' }
  if (family === 'yarn' && /^(?:berry|stable|latest|canary)$/.test(written))
    return { family, berry: true, fault: 'it names a tag' }
  return { family, fault: 'what it names is no version' }
}

/** What is shown of the field: neither the digest nor the path and query of an address, which may hold a token. */
function shownField(text: string): string {
  const plain = text.trim().replace(/\+[\w.]+$/, '')
  const url = /^(\w+@)https?:\/\/(?:[^/@]*@)?([\w.:-]+)/.exec(plain)
  return (url ? `${url[1]}(an archive of ${url[2]})` : plain).slice(0, 200)
}

/** The `packageManager` field of the nearest package.json that has one; `odd` where it names none that is known. */
export async function fieldOf(
  context: PlannerContext,
  manifest: Manifest,
  workspace: Workspace | null,
): Promise<{ named: Named | null; odd: Evidence | null }> {
  const [own, ...above] = upwards(context.baseDirectory)
  let odd: Evidence | null = null
  for (const directory of [own!, ...above]) {
    const file = posix.join(directory, 'package.json')
    const read = directory === own ? { manifest } : await readManifest(context.root, file)
    const text = read !== null && 'manifest' in read ? read.manifest.packageManager : undefined
    if (text !== undefined) {
      const named = parseField(text)
      const evidence: Evidence = { kind: 'config', file, signal: 'packageManager', value: shownField(text) }
      if (named !== null) return { named: { ...named, evidence }, odd }
      odd ??= evidence
    }
    if (workspace !== null && directory === workspace.directory) break
  }
  return { named: null, odd }
}

interface Wish {
  family: Family
  version?: string
  evidence: Evidence
}

/** What else names a package manager, surest first: it counts where no lockfile does, and tells a version. */
export async function wishesOf(
  context: PlannerContext,
  manifest: Manifest,
  workspace: Workspace | null,
): Promise<Wish[]> {
  const out: Wish[] = []
  const own = upwards(context.baseDirectory)[0]!
  const places: { directory: string; manifest: Manifest | null }[] = [{ directory: own, manifest }]
  if (workspace !== null && workspace.directory !== own)
    places.push({ directory: workspace.directory, manifest: workspace.manifest })
  for (const place of places)
    if (place.manifest !== null) out.push(...wishesIn(place.manifest, posix.join(place.directory, 'package.json')))
  for (const { directory } of places) out.push(...(await filesIn(context, directory)))
  return out.sort((a, b) => rank(a) - rank(b))
}

const order = ['devEngines', 'engines', 'volta', 'scripts', 'file', 'tool']
const rank = ({ evidence }: Wish): number =>
  order.findIndex((one) => evidence.signal.startsWith(one) || one === evidence.kind)

function wishesIn({ json, engines, scripts }: Manifest, file: string): Wish[] {
  const out: Wish[] = []
  const add = (family: Family, signal: string, version: unknown, value = version) => {
    const text = typeof version === 'string' ? version.trim().split('+')[0]! : ''
    const told = text !== '' && text !== '*' && isRange(text)
    const evidence = { kind: 'config', file, signal, value: textOr(value, family).slice(0, 200) }
    out.push({ family, ...(told ? { version: text } : {}), evidence })
  }
  const wanted = isObject(json.devEngines) ? json.devEngines.packageManager : undefined
  for (const one of [wanted].flat())
    if (isObject(one) && families.includes(one.name as Family))
      add(one.name as Family, 'devEngines.packageManager', one.version, `${one.name}@${textOr(one.version, '*')}`)
  // npm last: many name all of them, and who names npm alone has it anyway.
  for (const family of ['pnpm', 'yarn', 'bun', 'npm'] as const) {
    const range = engines[family]
    // `please-use-pnpm` says which one not to use.
    if (range !== undefined && isRange(range)) add(family, `engines.${family}`, range)
  }
  if (isObject(json.volta))
    for (const family of families)
      if (typeof json.volta[family] === 'string') add(family, `volta.${family}`, json.volta[family])
  const only = /\bonly-allow(?:@[\w.-]+)?\s+(npm|pnpm|yarn|bun)\b/.exec(scripts.preinstall ?? '')
  if (only) add(only[1] as Family, 'scripts.preinstall', undefined, only[0])
  return out
}

const signs: readonly [file: string, family: Family][] = [
  ['pnpm-workspace.yaml', 'pnpm'],
  ['.pnpmfile.cjs', 'pnpm'],
  ['.yarnrc.yml', 'yarn'],
  ['.pnp.cjs', 'yarn'],
  ['.yarnrc', 'yarn'],
  ['bunfig.toml', 'bun'],
]

async function filesIn({ root }: PlannerContext, directory: string): Promise<Wish[]> {
  const out: Wish[] = []
  for (const [name, family] of signs) {
    const file = posix.join(directory, name)
    if (await root.has(file)) out.push({ family, evidence: { kind: 'file', file, signal: name, value: family } })
  }
  for (const name of ['.tool-versions', '.mise.toml', 'mise.toml']) {
    const file = posix.join(directory, name)
    const text = await readSettings(root, file)
    for (const [family, version] of toolsOf(text ?? '', name))
      if (families.includes(family as Family))
        out.push({
          family: family as Family,
          ...(isRange(version) ? { version } : {}),
          evidence: { kind: 'tool', file, signal: name, value: `${family} ${version}`.slice(0, 200) },
        })
  }
  return out
}

/** The tools of `.tool-versions` and of the `[tools]` table of mise's file, each with the first version it lists. */
export function toolsOf(text: string, file: string): [tool: string, version: string][] {
  const lines = linesIn(text)
  if (file === '.tool-versions')
    return lines.flatMap((line): [string, string][] => {
      const [tool, version] = line.split(/\s+/)
      return tool && version ? [[tool, version]] : []
    })
  const out: [string, string][] = []
  let table = ''
  for (const line of lines) {
    const head = /^\[([^\]]+)\]$/.exec(line)
    if (head) table = head[1]!.trim()
    const dotted = /^tools\.(.*)$/.exec(table)
    const pair = /^["']?([\w./@:-]+)["']?\s*=\s*(?:\[\s*)?(?:\{.*?\bversion\s*=\s*)?["']([^"']+)["']/.exec(line)
    if (!pair) continue
    if (table === 'tools') out.push([pair[1]!, pair[2]!])
    else if (dotted && pair[1] === 'version') out.push([dotted[1]!.replace(/["']/g, ''), pair[2]!])
    else if (table === '' && pair[1]!.startsWith('tools.')) out.push([pair[1]!.slice(6), pair[2]!])
  }
  return out
}

/** Yarn's own program in the source: `yarnPath` of its settings, else a release that lies where releases lie. */
export async function yarnInSource(
  { root }: PlannerContext,
  directory: string,
): Promise<{ version: string; evidence: Evidence } | null> {
  const settings: [string, string | undefined][] = []
  const berry = posix.join(directory, '.yarnrc.yml')
  const path = yamlObject(await readSettings(root, berry)).yarnPath
  settings.push([berry, typeof path === 'string' ? path : undefined])
  const classic = posix.join(directory, '.yarnrc')
  settings.push([classic, /^yarn-path\s+["']?([^"'\s]+)/m.exec((await readSettings(root, classic)) ?? '')?.[1]])
  for (const [file, named] of settings) {
    const version = releaseOf(named)
    if (version === undefined) continue
    return { version, evidence: { kind: 'config', file, signal: 'yarnPath', value: named!.slice(0, 200) } }
  }
  const folder = posix.join(directory, '.yarn/releases')
  const releases = (await root.list(folder)).map((one) => one.name).filter((name) => releaseOf(name) !== undefined)
  if (releases.length !== 1) return null
  const file = posix.join(folder, releases[0]!)
  return {
    version: releaseOf(releases[0])!,
    evidence: { kind: 'file', file, signal: 'yarn release', value: releases[0]! },
  }
}

function releaseOf(path: string | undefined): string | undefined {
  const version = /(?:^|\/)yarn-(\d[^/]*?)\.[cm]?js$/.exec(path ?? '')?.[1]
  return version !== undefined && semver.valid(version) !== null ? version : undefined
}
