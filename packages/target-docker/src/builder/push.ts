import process from 'node:process'
import { AppaloftError, type ErrorCode, type Host, type LogLine, type Progress } from '@appaloft/core/spec'
import { z } from 'zod'
import { EngineError } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import { jsonLines } from '../api/lines.js'
import { Amounts } from '../build/amounts.js'
import { tidying } from '../containers/remove.js'
import type { Settings } from '../options.js'
import { encodedLogin, loginFor, loginHeader } from '../registry/credentials.js'
import { type PullFault, pullError, pullFaultOf } from '../registry/faults.js'
import { fetched } from '../registry/pull.js'
import type { Repository } from './options.js'
import { accessFault } from './registry-checks.js'

export interface Through {
  from: Engine
  to: Engine
  host: Host
  settings: Pick<Settings, 'pull' | 'credentials'>
  repository: Repository
  signal: AbortSignal
  log(line: LogLine): void
}

/** An image from one engine to another, through a registry. @returns its id there, and the name that the engine gave it by the way */
export async function through(
  way: Through,
  image: string,
  tag: string,
): Promise<{ id: string; pulled: string | null }> {
  const { to, host, settings, repository, signal, log } = way
  const { registry } = repository
  const login = await loginFor(registry, { hook: settings.credentials, env: process.env, host, signal })
  // The engine wants the header also where nobody logs in.
  const headers = { 'x-registry-auth': encodedLogin({}), ...loginHeader(login, registry) }
  await checkAccess(way, headers)
  const digest = await pushed(way, headers, image, tag)
  const name = `${repository.name}@${digest}`
  const place = { engine: to, settings, host, env: process.env, signal, log, mayFetch: async () => undefined }
  const reference = { ...repository, repository: repository.name.slice(repository.registry.length + 1), digest }
  const pulled = await fetched(place, { ...reference, canonical: name }).catch((error: unknown) => {
    throw hinted(error, repository)
  })
  return { id: pulled.image.Id, pulled: pulled.pulled ? name : null }
}

/** The machine is another one: what is reachable from here need not be from there. */
function hinted(error: unknown, { registry, name }: Repository): unknown {
  if (!AppaloftError.isInstance(error) || error.code === 'disk-full') return error
  const { code, message, category, retriable, details } = error
  const hint =
    code === 'registry-unreachable'
      ? `Let the machine that runs the releases reach ${registry}, or change build.registry; build: 'local' needs no registry.`
      : `Check that the credentials for ${registry} (the hook credentials.registry, or docker login) may pull from ${name}, the option build.registry.`
  return new AppaloftError(code, {
    message: `On the machine that runs the releases: ${message}`,
    ...{ category, retriable, details, recoveryHint: hint, cause: error },
  })
}

const saidSchema = z.object({
  error: z.string().optional(),
  status: z.string().default(''),
  id: z.string().default(''),
  progressDetail: z.object({ current: z.number().default(0), total: z.number().default(0) }).optional(),
  aux: z.object({ Digest: z.string().optional() }).optional(),
})

/** Before anything is pushed, which engines try for a minute, and for nothing where the other one cannot pull it. */
async function checkAccess({ from, to, repository, signal }: Through, headers: Record<string, string>): Promise<void> {
  const asked = [from, to].map((engine) => accessFault(async () => engine, repository, headers, signal))
  const [here, there] = await Promise.all(asked)
  signal.throwIfAborted()
  const bad = (one: typeof here) => one != null && (one.fault === 'network' || one.fault === 'credentials')
  if (bad(here)) throw pushError(here?.said ?? '', repository)
  if (bad(there))
    throw hinted(
      pullError(there?.fault === 'network' ? 'network' : 'credentials', repository.name, there?.said ?? ''),
      repository,
    )
}

async function pushed(way: Through, headers: Record<string, string>, image: string, tag: string): Promise<string> {
  const { from, repository, signal, log } = way
  const { name } = repository
  const part = { id: `push ${name}:${tag}`, name: `push ${name}:${tag}` }
  const tell = (text: string, rest: Omit<Progress, 'id' | 'name'>) =>
    log({ stream: 'stdout', text: `${text}`, progress: { ...part, ...rest } })
  const began = performance.now()
  const took = () => ({ milliseconds: Math.round(performance.now() - began) })
  tell(`Pushing ${name}:${tag}`, { status: 'started' })
  await from.tag(image, name, tag, { signal })
  try {
    const digest = await pushing(from, { name, tag, headers, signal }, (percent) =>
      tell(`Pushing ${name}:${tag}: ${percent} %`, { status: 'running', percent }),
    )
    tell(`Pushed ${name}@${digest}`, { status: 'succeeded', ...took() })
    return digest
  } catch (error) {
    signal.throwIfAborted()
    tell(`Pushing ${name}:${tag}: failed`, { status: 'failed', ...took() })
    throw error instanceof EngineError ? pushError(error.message, repository) : error
  } finally {
    // Our own name keeps the image.
    await from.untag(`${name}:${tag}`, tidying()).catch(() => undefined)
  }
}

async function pushing(
  from: Engine,
  what: { name: string; tag: string; headers: Record<string, string>; signal: AbortSignal },
  onPercent: (percent: number) => void,
): Promise<string> {
  const { name, tag, headers, signal } = what
  const amounts = new Amounts()
  let digest: string | undefined
  for await (const line of jsonLines(await from.push(name, tag, headers, { signal }))) {
    const said = saidSchema.safeParse(line).data
    if (said?.error !== undefined) throw new EngineError(500, said.error)
    digest = said?.aux?.Digest ?? digest
    if (said?.status !== 'Pushing' || said.progressDetail === undefined) continue
    const percent = amounts.add(said.id, said.progressDetail.current, said.progressDetail.total)
    if (percent !== null) onPercent(percent)
  }
  signal.throwIfAborted()
  if (digest === undefined) throw new EngineError(500, 'the registry told no digest')
  return digest
}

const codes: Partial<Record<PullFault, ErrorCode>> = {
  credentials: 'registry-auth-failed',
  name: 'registry-auth-failed',
  network: 'registry-unreachable',
  rate: 'registry-rate-limited',
  disk: 'disk-full',
}

export function pushError(said: string, { registry, name }: Repository): AppaloftError {
  const fault = pullFaultOf(said)
  const code = codes[fault] ?? 'image-push-failed'
  const details = { repository: name, engine: said.slice(0, 1000) }
  if (code === 'registry-auth-failed')
    return new AppaloftError(code, {
      message: `The registry ${registry} lets nobody push to ${name} with these credentials.`,
      recoveryHint: `Give credentials for ${registry} that may push to ${name}, by the hook credentials.registry or with docker login, or change the option build.registry.`,
      details,
    })
  if (code === 'registry-unreachable')
    return new AppaloftError(code, {
      message: `The registry ${registry} could not be reached from the engine that builds.`,
      recoveryHint: 'Check the option build.registry, the network and the registry’s certificate, then retry.',
      details,
    })
  if (code !== 'image-push-failed') return new AppaloftError(code, { details })
  return new AppaloftError(code, {
    message: `The image could not be pushed to ${name}: ${said.slice(0, 300)}`,
    details,
  })
}
