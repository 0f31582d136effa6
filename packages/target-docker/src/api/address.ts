import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { AppaloftError } from '@appaloft/core/spec'

interface Tls {
  ca?: Buffer
  cert?: Buffer
  key?: Buffer
  rejectUnauthorized?: boolean
}

export type EngineAddress = ({ kind: 'unix'; path: string } | { kind: 'tcp'; host: string; port: number }) & {
  tls?: Tls
  /** It leads to another machine, however local it looks. */
  elsewhere?: true
  /** What the `docker` command is told, so that it speaks to the same engine. */
  environment: Record<string, string>
}

const usual = 'unix:///var/run/docker.sock'

type Environment = Readonly<Record<string, string | undefined>>

export const configFolder = (env: Environment): string => env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker')

/** Where the engine is, in the order in which the `docker` command decides it. */
export async function findEngine(
  options: { host?: string | (() => Promise<string>); context?: string },
  env: Environment,
): Promise<EngineAddress> {
  if (typeof options.host === 'function')
    return { ...(await fromHost(await options.host(), env, null)), elsewhere: true }
  if (options.host !== undefined) return await fromHost(options.host, env, null)
  if (options.context === undefined && env.DOCKER_HOST) return await fromHost(env.DOCKER_HOST, env, null)
  const name = options.context ?? env.DOCKER_CONTEXT ?? (await currentContext(env))
  if (name === undefined || name === '' || name === 'default')
    return await fromHost(env.DOCKER_HOST || usual, env, null)
  return await fromContext(name, env)
}

async function currentContext(env: Environment): Promise<string | undefined> {
  const config = await readJson(join(configFolder(env), 'config.json'))
  return typeof config?.currentContext === 'string' ? config.currentContext : undefined
}

async function fromContext(name: string, env: Environment): Promise<EngineAddress> {
  const id = createHash('sha256').update(name).digest('hex')
  const folder = join(configFolder(env), 'contexts')
  const meta = await readJson(join(folder, 'meta', id, 'meta.json'))
  const endpoint = (meta?.Endpoints as Record<string, { Host?: unknown; SkipTLSVerify?: unknown }> | undefined)?.docker
  if (typeof endpoint?.Host !== 'string')
    throw unusable(`There is no Docker context of the name ${name}, or it names no engine.`)
  const address = await fromHost(endpoint.Host, {}, join(folder, 'tls', id, 'docker'))
  if (address.tls && endpoint.SkipTLSVerify === true) address.tls.rejectUnauthorized = false
  return { ...address, environment: { DOCKER_CONTEXT: name } }
}

async function fromHost(host: string, env: Environment, certificates: string | null): Promise<EngineAddress> {
  const environment = { DOCKER_HOST: host }
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(host) ?? []
  if (scheme === 'unix') return { kind: 'unix', path: rest, environment }
  if (scheme === 'ssh')
    throw unusable('An engine behind SSH is reached by the target for remote machines, not by this one.')
  const [, name, port] = /^(\[[0-9a-f:]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(rest) ?? []
  if ((scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https') || name === undefined)
    throw unusable(`${JSON.stringify(host)} is not an address of a Docker Engine.`)
  const verify = Boolean(env.DOCKER_TLS_VERIFY)
  const folder = certificates ?? (verify ? env.DOCKER_CERT_PATH || configFolder(env) : null)
  const tls = folder === null ? undefined : await certificatesOf(folder)
  const secure = tls !== undefined || scheme === 'https'
  return {
    kind: 'tcp',
    host: name.replace(/^\[|\]$/g, ''),
    port: port === undefined ? (secure ? 2376 : 2375) : Number(port),
    environment: {
      ...environment,
      ...(verify ? { DOCKER_TLS_VERIFY: '1' } : {}),
      ...(env.DOCKER_CERT_PATH ? { DOCKER_CERT_PATH: env.DOCKER_CERT_PATH } : {}),
    },
    ...(secure ? { tls: tls ?? {} } : {}),
  }
}

async function certificatesOf(folder: string): Promise<Tls | undefined> {
  const read = (name: string) => readFile(join(folder, name)).catch(() => undefined)
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')])
  if (ca === undefined && cert === undefined && key === undefined) return undefined
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) }
}

export async function readJson(file: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

const unusable = (message: string) =>
  new AppaloftError('runtime-backend-unavailable', {
    message,
    recoveryHint: 'Name the engine by the option host, by DOCKER_HOST, or by a Docker context.',
  })
