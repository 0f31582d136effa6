import { join } from 'node:path'
import type { Credentials, Host, RegistryCredential } from '@appaloft/core/spec'
import { configFolder, readJson } from '../api/address.js'

type Environment = Readonly<Record<string, string | undefined>>

/** Docker Hub goes by another name in the configuration. */
const hubKey = 'https://index.docker.io/v1/'
export const keysOf = (registry: string): string[] =>
  registry === 'docker.io'
    ? [hubKey, 'index.docker.io', 'docker.io']
    : [registry, `https://${registry}`, `http://${registry}`]

export type Login = { username: string; password: string } | { identitytoken: string }

/** Who logs in to a registry: the hook's answer, else what the Docker configuration has. Asked at each use, kept nowhere. */
export async function loginFor(
  registry: string,
  options: { hook: Pick<Credentials, 'registry'>; env: Environment; host: Host; signal?: AbortSignal | undefined },
): Promise<Login | null> {
  const given: RegistryCredential | null = (await options.hook.registry?.(registry)) ?? null
  if (given !== null) return given
  const config = await readJson(join(configFolder(options.env), 'config.json'))
  if (config === null) return null
  for (const key of keysOf(registry)) {
    const helper = helperOf(config, key)
    const found = helper === null ? plainOf(config, key) : await askHelper(helper, key, options)
    if (found !== null) return found
  }
  return null
}

function helperOf(config: Record<string, unknown>, key: string): string | null {
  const { credHelpers, credsStore } = config as { credHelpers?: Record<string, unknown>; credsStore?: unknown }
  const own = credHelpers?.[key]
  if (typeof own === 'string') return own
  return typeof credsStore === 'string' && credsStore !== '' ? credsStore : null
}

function plainOf(config: Record<string, unknown>, key: string): Login | null {
  const auths = config.auths as Record<string, { auth?: unknown; identitytoken?: unknown }> | undefined
  const entry = auths?.[key]
  if (typeof entry?.identitytoken === 'string' && entry.identitytoken !== '')
    return { identitytoken: entry.identitytoken }
  if (typeof entry?.auth !== 'string' || entry.auth === '') return null
  const text = Buffer.from(entry.auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

async function askHelper(
  helper: string,
  key: string,
  { env, host, signal }: Parameters<typeof loginFor>[1],
): Promise<Login | null> {
  // A path would name any program.
  if (!/^[\w.-]+$/.test(helper)) return null
  const environment = Object.fromEntries(
    Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined),
  )
  const asked = await host
    .exec([`docker-credential-${helper}`, 'get'], {
      env: environment,
      input: key,
      timeoutMs: 15_000,
      ...(signal ? { signal } : {}),
    })
    .catch((error: unknown) => {
      signal?.throwIfAborted()
      return { exitCode: 1, stdout: '', error }
    })
  if (asked.exitCode !== 0) return null
  try {
    const { Username: username, Secret: secret } = JSON.parse(asked.stdout) as { Username?: unknown; Secret?: unknown }
    if (typeof username !== 'string' || typeof secret !== 'string') return null
    return username === '<token>' ? { identitytoken: secret } : { username, password: secret }
  } catch {
    return null
  }
}

/** As the engine takes it: base64 with - and _, filled up with =, without which it takes it for no login and says nothing. */
export const encodedLogin = (content: object): string =>
  Buffer.from(JSON.stringify(content)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')

export const loginHeader = (login: Login | null, registry: string): Record<string, string> =>
  login === null ? {} : { 'x-registry-auth': encodedLogin({ ...login, serveraddress: registry }) }
