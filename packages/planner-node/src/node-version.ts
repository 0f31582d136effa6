import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import semver from 'semver'
import { toolsOf } from './managers/manager-field.js'
import { isRange, linesIn } from './sources/lines.js'
import { isObject, type Manifest, readManifest } from './sources/manifest.js'
import { own } from './sources/own.js'
import { readSettings, upwards, yamlObject } from './workspaces/workspace.js'

/** The code names of the lines with long-time support. */
const ltsNames: Record<string, string> = {
  ...{ argon: '4', boron: '6', carbon: '8', dubnium: '10', erbium: '12', fermium: '14', gallium: '16' },
  ...{ hydrogen: '18', iron: '20', jod: '22', krypton: '24' },
}

/** Words for "whatever is current", which no number stands for. */
const anyVersion = /^(?:node|stable|latest|current|system|lts|lts\/\*|lts\/-\d+|--lts|lts-latest|\*|x|)$/i

/** What a file or field asks for, as a version or range; null where it says none. */
export function normalVersion(text: string): string | null {
  const written = text.trim().replace(/^node(?:js)?(?:[@-]|\s+)(?=[\d<>=^~v])/i, '')
  if (anyVersion.test(written)) return '*'
  const named = /^(?:lts[/-])?([a-z]+)$/i.exec(written)
  if (named) return own(ltsNames, named[1]!.toLowerCase()) ?? null
  if (!isRange(written.replace(/(^|\s|\|)v(?=\d)/g, '$1'))) return null
  return written.replace(/(^|[\s|<>=~^])v(?=\d)/g, '$1').replace(/\s+/g, ' ')
}

interface Wanted {
  version: string
  evidence: Evidence
}

/** The first line that says something: comments, a byte-order mark and other systems' line ends aside. */
const firstLine = (text: string): string => linesIn(text).find((line) => line !== '') ?? ''

async function ofFile(context: PlannerContext, directory: string, name: string): Promise<Wanted | null> {
  const file = posix.join(directory, name)
  const text = await readSettings(context.root, file)
  if (text === null) return null
  const plain = ['.nvmrc', '.node-version', '.n-node-version'].includes(name)
  const written = plain
    ? firstLine(text)
    : toolsOf(text, name).find(([tool]) => /^(?:core:)?node(?:js)?$/.test(tool))?.[1]
  return written === undefined || written === '' ? null : wanted(written, 'file', file, name)
}

function wanted(written: string, kind: string, file: string, signal: string): Wanted | null {
  const version = normalVersion(written)
  if (version === null) return null
  return { version, evidence: { kind, file, signal, value: written.trim().slice(0, 200) } }
}

/** What one package.json asks for: pins first, then the range that it is said to work with. */
function ofManifest({ json, engines, voltaNode }: Manifest, file: string): Wanted[] {
  const runtimes = isObject(json.devEngines) ? [json.devEngines.runtime].flat() : []
  const runtime = runtimes.find((one) => isObject(one) && one.name === 'node')
  const fields: [signal: string, written: unknown][] = [
    ['volta.node', voltaNode],
    ['devEngines.runtime', isObject(runtime) ? runtime.version : undefined],
    ['engines.node', engines.node],
  ]
  return fields.flatMap(([signal, written]) =>
    typeof written === 'string' ? (wanted(written, 'config', file, signal) ?? []) : [],
  )
}

/** The file that `volta.extends` names, as long as it goes on. */
async function extended(context: PlannerContext, manifest: Manifest, file: string): Promise<Wanted[]> {
  let at = file
  let from: Manifest | null = manifest
  for (let depth = 0; depth < 5 && from !== null; depth++) {
    const volta: unknown = from.json.volta
    const next = isObject(volta) && typeof volta.extends === 'string' ? volta.extends : undefined
    if (next === undefined || next.startsWith('/')) return []
    at = posix.join(posix.dirname(at), next)
    const read = at.startsWith('..') ? null : await readManifest(context.root, at)
    from = read !== null && 'manifest' in read ? read.manifest : null
    const found = from?.voltaNode === undefined ? null : wanted(from.voltaNode, 'config', at, 'volta.node')
    if (found) return [found]
  }
  return []
}

/** The version that pnpm is told to run everything with. */
async function ofPnpm(context: PlannerContext, directory: string): Promise<Wanted[]> {
  const npmrc = posix.join(directory, '.npmrc')
  const settings = posix.join(directory, 'pnpm-workspace.yaml')
  const line = /^[ \t]*use-node-version[ \t]*=[ \t]*["']?([^"'\s;#]+)/m.exec(
    (await readSettings(context.root, npmrc)) ?? '',
  )?.[1]
  const value = yamlObject(await readSettings(context.root, settings)).useNodeVersion
  return [
    line === undefined ? null : wanted(line, 'config', npmrc, 'use-node-version'),
    typeof value === 'string' ? wanted(value, 'config', settings, 'useNodeVersion') : null,
  ].filter((one) => one !== null)
}

const versionFiles = ['.nvmrc', '.node-version', '.n-node-version', '.tool-versions', '.mise.toml', 'mise.toml']

/**
 * The Node version that the profile or the source asks for; `*` where neither does. Files of version managers come before fields of
 * package.json, pins before ranges, nearer directories before those above. What contradicts the answer is shown.
 */
export async function nodeVersion(
  context: PlannerContext,
  manifest: Manifest,
): Promise<{ version: string; evidence: Evidence[] }> {
  const given = context.profiles.runtime.runtimeVersion
  const found: Wanted[] = []
  if (given !== undefined)
    found.push({ version: given, evidence: { kind: 'profile', signal: 'runtime.runtimeVersion', value: given } })
  const directories = upwards(context.baseDirectory)
  for (const directory of directories)
    for (const name of versionFiles) found.push(...[(await ofFile(context, directory, name)) ?? []].flat())
  for (const directory of directories) {
    const file = posix.join(directory, 'package.json')
    const read = directory === directories[0] ? { manifest } : await readManifest(context.root, file)
    if (read !== null && 'manifest' in read) {
      const [pins, ranges] = parted(ofManifest(read.manifest, file))
      found.push(...pins, ...(await extended(context, read.manifest, file)))
      found.push(...(await ofPnpm(context, directory)), ...ranges)
    } else found.push(...(await ofPnpm(context, directory)))
  }
  const [first, ...rest] = found
  if (first === undefined) return { version: '*', evidence: [] }
  const against = rest.filter((one) => contradicts(first.version, one.version))
  return {
    version: first.version,
    evidence: [first.evidence, ...against.map((one) => ({ ...one.evidence, kind: 'conflict' }))].slice(0, 10),
  }
}

const parted = (list: Wanted[]): [pins: Wanted[], ranges: Wanted[]] => [
  list.filter((one) => one.evidence.signal !== 'engines.node'),
  list.filter((one) => one.evidence.signal === 'engines.node'),
]

/** Is there no version that meets both? */
function contradicts(one: string, other: string): boolean {
  try {
    return !semver.intersects(one, other, { loose: true })
  } catch {
    return false
  }
}
