import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Credentials, isImageReferenceFault, parseImageReference } from '@appaloft/core/spec'
import { configFolder, readJson } from '../api/address.js'
import { keysOf } from './credentials.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The registries from which a Dockerfile takes images: in `FROM`, `COPY --from`, `RUN --mount=from=` and the line that names its syntax. Arguments are
 * filled in as far as they are known before the first stage; what cannot be read is left to the builder.
 */
export function registriesOf(dockerfile: string, args: Readonly<Record<string, string>> = {}): string[] {
  const lines = dockerfile.replace(/[\\`]\r?\n/g, ' ').split(/\r?\n/)
  const known: Record<string, string> = {}
  const stages = new Set<string>(['scratch'])
  const images: string[] = []
  const filled = (text: string) =>
    text
      .replace(/\$\{(\w+)(?::?-([^}]*))?\}/g, (_, name: string, other = '') => known[name] || other)
      .replace(/\$(\w+)/g, (_, name: string) => known[name] ?? '')
  for (const line of lines) {
    const syntax = /^#\s*syntax\s*=\s*(\S+)/i.exec(line)?.[1]
    if (syntax !== undefined) images.push(syntax)
    const [, name, quoted, plain = ''] = /^\s*ARG\s+(\w+)(?:=(?:"([^"]*)"|(\S*)))?/i.exec(line) ?? []
    // An argument after the first stage belongs to a stage, and no image is chosen by it.
    if (name !== undefined && stages.size === 1) known[name] = args[name] ?? quoted ?? plain
    const [, from, stage] = /^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line) ?? []
    if (from !== undefined && !stages.has(filled(from).toLowerCase())) images.push(filled(from))
    if (from !== undefined) stages.add(stage?.toLowerCase() ?? `#${stages.size}`)
    for (const [, source = ''] of line.matchAll(/(?:--from=|[,=]from=)([^\s,]+)/g))
      if (!stages.has(source.toLowerCase()) && !/^\d+$/.test(source)) images.push(source)
  }
  const found = images.flatMap((text) => {
    const reference = parseImageReference(text)
    return isImageReferenceFault(reference) ? [] : [reference.registry]
  })
  return [...new Set(found)].sort()
}

export interface BuildLogins {
  hook: Pick<Credentials, 'registry'>
  registries: readonly string[]
  env: Environment
  /** A private folder that is removed after the build. */
  folder: string
}

/**
 * A Docker configuration for one build: the user's, with what the hook says of these registries over it. Answers its folder; null: the hook says
 * nothing, and the user's serves. Neither arguments nor the environment hold a credential.
 */
export async function buildConfig({ hook, registries, env, folder }: BuildLogins): Promise<string | null> {
  const logins: [registry: string, auth: string][] = []
  for (const registry of registries) {
    const login = (await hook.registry?.(registry)) ?? null
    if (login !== null) logins.push([registry, Buffer.from(`${login.username}:${login.password}`).toString('base64')])
  }
  if (logins.length === 0) return null
  const usual = configFolder(env)
  const present = (await readJson(join(usual, 'config.json'))) ?? {}
  const given = logins.flatMap(([registry, auth]) => keysOf(registry).map((key) => ({ key, auth })))
  const config = {
    ...present,
    auths: {
      ...(present.auths as object | undefined),
      ...Object.fromEntries(given.map(({ key, auth }) => [key, { auth }])),
    },
    // An empty name keeps the user's store of credentials from being asked instead.
    credHelpers: {
      ...(present.credHelpers as object | undefined),
      ...Object.fromEntries(given.map(({ key }) => [key, ''])),
    },
  }
  const own = join(folder, 'docker')
  await mkdir(own, { mode: 0o700 })
  // Plugins, contexts and what buildx keeps are where they were.
  for (const name of await readdir(usual).catch(() => []))
    if (name !== 'config.json') await symlink(join(usual, name), join(own, name))
  await writeFile(join(own, 'config.json'), JSON.stringify(config), { mode: 0o600 })
  return own
}
