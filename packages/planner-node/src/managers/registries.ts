import { posix } from 'node:path'
import { type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { linesIn } from '../sources/lines.js'
import { isObject } from '../sources/manifest.js'
import { normal, readSettings, yamlObject } from '../workspaces/workspace.js'
import type { PackageManager } from './package-manager.js'

/** One setting of a registry: which packages or host it is for, and what it holds. */
interface Setting {
  file: string
  /** `@acme`, a host, or nothing for all packages. */
  about: string
  address?: string
  /** A token or password, or the variable that stands for it. */
  secret?: string
}

/** The host of an address, without user, path and query. */
const hostOf = (address: string): string | null =>
  /^(?:https?:)?\/\/(?:[^/@]*@)?([\w.-]+(?::\d+)?)/.exec(address.trim())?.[1]?.toLowerCase() ?? null
const hasUser = (address: string): boolean =>
  /^(?:https?:)?\/\/[^/@]*:[^/@]*@/.test(address.trim()) && !address.includes('$')

const unquoted = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/, '$2')

/** `.npmrc`, which pnpm and Yarn 1 read too, and `.yarnrc`. */
function linesOf(file: string, text: string): Setting[] {
  const out: Setting[] = []
  for (const line of linesIn(text)) {
    const key = /^["']?([^=\s"';]+)["']?/.exec(line)
    if (key === null) continue
    const value = unquoted(line.slice(key[0].length).trim().replace(/^=/, ''))
    const registry = /^(?:(@[^:/]+):)?registry$/.exec(key[1]!)
    const secret = /^(?:\/\/(.*?)\/?:)?(?:_authToken|_auth|_password)$/.exec(key[1]!)
    if (registry) out.push({ file, about: registry[1] ?? '', address: value })
    else if (secret && value !== '') out.push({ file, about: hostOf(`//${secret[1] ?? ''}`) ?? '', secret: value })
  }
  return out
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

function settingOf(file: string, about: string, value: Record<string, unknown>): Setting[] {
  const address = text(value.npmRegistryServer)
  const secret = text(value.npmAuthToken) ?? text(value.npmAuthIdent)
  if (address === undefined && secret === undefined) return []
  return [{ file, about, ...(address ? { address } : {}), ...(secret ? { secret } : {}) }]
}

function yarnSettings(file: string, source: string): Setting[] {
  const json = yamlObject(source)
  const scopes = isObject(json.npmScopes) ? Object.entries(json.npmScopes) : []
  const hosts = isObject(json.npmRegistries) ? Object.entries(json.npmRegistries) : []
  return [
    ...settingOf(file, '', json),
    ...scopes.flatMap(([name, one]) => (isObject(one) ? settingOf(file, `@${name}`, one) : [])),
    ...hosts.flatMap(([name, one]) => (isObject(one) ? settingOf(file, hostOf(name) ?? '', one) : [])),
  ]
}

function bunSettings(file: string, source: string): Setting[] {
  const out: Setting[] = []
  let table = ''
  for (const line of linesIn(source)) {
    table = /^\s*\[([^\]]+)\]/.exec(line)?.[1]?.trim() ?? table
    const scope = table === 'install.scopes' ? /^\s*["']?@?([\w.-]+)["']?\s*=\s*(.*)$/.exec(line) : null
    const own = table === 'install' ? /^\s*(registry)\s*=\s*(.*)$/.exec(line) : null
    const value = scope?.[2] ?? own?.[2]
    if (value === undefined) continue
    const address = /["'](https?:[^"']+)["']/.exec(value)?.[1]
    const secret = /\b(?:token|password)\s*=\s*["']([^"']+)["']/.exec(value)?.[1]
    const about = scope ? `@${scope[1]}` : ''
    out.push({ file, about, ...(address ? { address } : {}), ...(secret ? { secret } : {}) })
  }
  return out
}

const readers: readonly [name: string, read: (file: string, text: string) => Setting[]][] = [
  ['.npmrc', linesOf],
  ['.yarnrc', linesOf],
  ['.yarnrc.yml', yarnSettings],
  ['bunfig.toml', bunSettings],
]
const readBy: Record<PackageManager['name'], readonly string[]> = {
  npm: ['.npmrc'],
  pnpm: ['.npmrc'],
  yarn: ['.npmrc', '.yarnrc'],
  'yarn-berry': ['.yarnrc.yml'],
  bun: ['.npmrc', 'bunfig.toml'],
}

/** Variables in a value; those with a default need not be set. */
function variablesIn(value: string): string[] {
  const braced = [...value.matchAll(/\$\{(\w{1,100})(\?|:?-[^}]*)?\}/g)].filter((one) => one[2] === undefined)
  return [...braced.map((one) => one[1]!), ...(/^\$(\w{1,100})$/.exec(value)?.slice(1) ?? [])]
}

/** The registries that the source names, by host; the variables that they ask for; tokens that should not be there, never shown. */
export async function registries(
  context: PlannerContext,
  manager: PackageManager,
): Promise<{ evidence: Evidence[]; warnings: Reason[] }> {
  const directories = [...new Set([normal(manager.installDirectory), normal(context.baseDirectory)])]
  const settings: Setting[] = []
  for (const directory of directories)
    for (const [name, read] of readers) {
      if (!readBy[manager.name].includes(name)) continue
      const file = posix.join(directory, name)
      settings.push(...read(file, (await readSettings(context.root, file)) ?? ''))
    }
  const evidence: Evidence[] = []
  for (const { file, about, address } of settings) {
    const host = address === undefined ? null : hostOf(address)
    const signal = about === '' ? 'registry' : `${about}:registry`.slice(0, 200)
    if (host !== null) evidence.push({ kind: 'registry', file, signal, value: host })
  }
  return { evidence: evidence.slice(0, 20), warnings: [...missing(context, settings), ...literal(settings)] }
}

function missing({ profiles }: PlannerContext, settings: readonly Setting[]): Reason[] {
  const asked = new Map<string, Setting>()
  for (const one of settings)
    for (const name of variablesIn(`${one.secret ?? ''} ${one.address ?? ''}`.trim())) {
      const scope = Object.hasOwn(profiles.environment, name) ? profiles.environment[name]!.scope : undefined
      if (scope !== 'build' && scope !== 'both' && !asked.has(name)) asked.set(name, one)
    }
  return [...asked].slice(0, 10).map(([name, { file, about }]) =>
    reason('registry-credentials-needed', {
      message: `${file} asks for the environment variable ${name}${about === '' ? '' : ` for ${about}`} while dependencies are installed.`,
      evidence: [{ kind: 'registry', file, signal: name }],
      fixPath: [],
      overridePath: [
        { action: `Set ${name} as a secret with the scope build.`, profileField: 'environment', example: name },
      ],
    }),
  )
}

function literal(settings: readonly Setting[]): Reason[] {
  const found = settings.filter(
    ({ secret, address }) =>
      (secret !== undefined && !secret.includes('$')) || (address !== undefined && hasUser(address)),
  )
  const files = [...new Set(found.map((one) => one.file))].sort()
  return files.map((file) =>
    reason('registry-token-in-source', {
      message: `${file} holds a token or password of a package registry.`,
      evidence: [{ kind: 'registry', file, signal: 'credential', value: 'not shown' }],
      fixPath: [{ action: 'Revoke it, and name a variable in its place.', example: `_authToken=$\{NPM_TOKEN}` }],
    }),
  )
}
