import {
  AppaloftError,
  type Host,
  type ImageReference,
  isImageReferenceFault,
  type LogLine,
  type Progress,
  parseImageReference,
} from '@appaloft/core/spec'
import { z } from 'zod'
import { EngineError } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import type { Image } from '../api/schemas.js'
import { Amounts } from '../build/amounts.js'
import type { Settings } from '../options.js'
import { type Login, loginFor, loginHeader } from './credentials.js'
import { type PullFault, pullError, pullFaultOf } from './faults.js'

export interface PullPlace {
  engine: Engine
  settings: Pick<Settings, 'pull' | 'credentials'>
  host: Host
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal
  log(line: LogLine): void
  /** Of another kind than the engine, as `linux/arm64`. */
  platform?: string | null
  /** As whom the registry was asked already. */
  login?: Promise<Login | null> | undefined
  /** Waited for before anything is fetched; refuses where that may not be. What is asked before changes nothing. */
  mayFetch(): Promise<void>
}

export interface Pulled {
  image: Image
  /** `repository@sha256:…` where a registry has it. */
  digest?: string
  /** It was not there before: its name by digest goes when the release goes. */
  pulled: boolean
}

/** Is the registry asked also for what is there? */
export const asksRegistry = ({ pull }: Pick<Settings, 'pull'>, { digest }: ImageReference): boolean =>
  pull === 'always' || (pull === 'newer' && digest === undefined)

/** An image that is on the engine afterwards, as the policy says. Errors: those of `pullError`. */
export async function provide(place: PullPlace, text: string): Promise<Pulled> {
  const reference = parseImageReference(text)
  if (isImageReferenceFault(reference)) throw new AppaloftError('image-reference-invalid', { message: reference.fault })
  const { engine, settings, signal } = place
  const { pull } = settings
  const asks = asksRegistry(settings, reference)
  const looked = engine.image(reference.canonical, { signal }).then((image) => fitting(place, image))
  const asked = asks ? fetched(place, reference, looked) : null
  // Waited for below.
  asked?.catch(() => undefined)
  const present = await looked
  if (present !== null && !asks) return { image: present, ...digestOf(present, reference), pulled: false }
  if (pull === 'never')
    throw new AppaloftError('image-not-found', {
      message: `The image ${text} is not on the engine, and the pull policy is never.`,
      details: { image: text },
    })
  try {
    return await (asked ?? fetched(place, reference, looked))
  } catch (error) {
    signal.throwIfAborted()
    if (present === null || pull === 'always' || !AppaloftError.isInstance(error) || error.code === 'disk-full')
      throw error
    place.log({ stream: 'stderr', text: `${error.message} What the engine has of it is used.` })
    return { image: present, ...digestOf(present, reference), pulled: false }
  }
}

/** Asks the registry for the digest, and pulls by it: what is recorded is what runs. */
export async function fetched(
  place: PullPlace,
  reference: ImageReference,
  looked: Promise<Image | null> = Promise.resolve(null),
): Promise<Pulled> {
  const { engine, signal, log } = place
  const { canonical, registry } = reference
  const asLogin = () =>
    loginFor(registry, { hook: place.settings.credentials, env: place.env, host: place.host, signal })
  const login = await (place.login?.catch(asLogin) ?? asLogin())
  const headers = loginHeader(login, registry)
  const digest =
    reference.digest ??
    (
      await engine.distribution(canonical, headers, { signal }).catch(async (error: unknown) => {
        throw await told(error, reference, login, signal)
      })
    ).Descriptor.digest
  const name = `${registry}/${reference.repository}@${digest}`
  const present = await looked
  const same = present !== null && digestOf(present, reference).digest?.endsWith(`@${digest}`) === true
  const there = same ? present : fitting(place, await engine.image(name, { signal }))
  if (there !== null) return { image: there, digest: name, pulled: false }
  await place.mayFetch()
  const part = { id: name, name: `pull ${name}` }
  const tell = (text: string, rest: Omit<Progress, 'id' | 'name'>) =>
    log({ stream: 'stdout', text, progress: { ...part, ...rest } })
  tell(`Pulling ${name}`, { status: 'started' })
  const began = performance.now()
  const took = () => ({ milliseconds: Math.round(performance.now() - began) })
  try {
    await pulling(place, name, headers, reference, (percent) =>
      tell(`Pulling ${name}: ${percent} %`, { status: 'running', percent }),
    )
  } catch (error) {
    tell(`Pulling ${name}: failed`, { status: 'failed', ...took() })
    throw error
  }
  tell(`Pulled ${name}`, { status: 'succeeded', ...took() })
  const image = await engine.image(name, { signal })
  if (image === null)
    throw new AppaloftError('image-pull-failed', { message: `The image ${canonical} was pulled and is not there.` })
  return { image, digest: name, pulled: true }
}

/** What is there for another platform is not what is asked for. */
function fitting({ platform }: PullPlace, image: Image | null): Image | null {
  const other = platform != null && image !== null && platform !== `${image.Os}/${image.Architecture}`
  return other ? null : image
}

async function pulling(
  { engine, signal, platform }: PullPlace,
  name: string,
  headers: Record<string, string>,
  reference: ImageReference,
  onPercent: (percent: number) => void,
): Promise<void> {
  const amounts = new Amounts()
  const stream = await engine
    .pull(name, headers, { signal, platform: platform ?? undefined })
    .catch(async (error: unknown) => {
      throw await told(error, reference, null, signal)
    })
  let rest = ''
  let failed: string | null = null
  for await (const chunk of stream) {
    rest += String(chunk)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const said = read(line)
      failed = said?.error ?? failed
      if (said?.status !== 'Downloading' || said.progressDetail === undefined) continue
      const percent = amounts.add(said.id, said.progressDetail.current, said.progressDetail.total)
      if (percent !== null) onPercent(percent)
    }
  }
  signal.throwIfAborted()
  failed = read(rest)?.error ?? failed
  if (failed !== null) throw pullError(pullFaultOf(failed), reference.canonical, failed)
}

const saidSchema = z.object({
  error: z.string().optional(),
  status: z.string().default(''),
  id: z.string().default(''),
  progressDetail: z.object({ current: z.number().default(0), total: z.number().default(0) }).optional(),
})

/** One line of what the engine says while it pulls; null: nothing that is known. */
function read(line: string): z.infer<typeof saidSchema> | null {
  try {
    return saidSchema.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}

async function told(error: unknown, reference: ImageReference, login: unknown, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof EngineError)) return error
  let fault: PullFault = pullFaultOf(error.message)
  // Many registries answer alike for a name and for a tag that they do not know.
  if (fault === 'tag' && (await knowsName(reference, signal)) === false) fault = 'name'
  if (fault === 'name' && login !== null && /denied/.test(error.message)) fault = 'credentials'
  return pullError(fault, reference.canonical, error.message)
}

/** Asked without credentials, which is enough where the answer was that there is no such thing. Null: cannot be told. */
async function knowsName({ registry, repository }: ImageReference, signal: AbortSignal): Promise<boolean | null> {
  const local = /^(?:localhost|127\.|\[::1\])/.test(registry)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(3_000)])
  for (const scheme of local ? ['http', 'https'] : ['https']) {
    const answer = await fetch(`${scheme}://${registry}/v2/${repository}/tags/list`, {
      signal: limit,
      redirect: 'error',
    }).catch(() => null)
    if (answer === null) continue
    await answer.body?.cancel().catch(() => undefined)
    return answer.status === 404 ? false : answer.ok ? true : null
  }
  return null
}

function digestOf(image: Image, { registry, repository }: ImageReference): { digest?: string } {
  const hub = registry === 'docker.io' ? [repository, repository.replace(/^library\//, '')] : []
  const names = [`${registry}/${repository}`, ...hub]
  const digest = image.RepoDigests.find((one) => names.includes(one.split('@')[0] ?? ''))
  return digest === undefined ? {} : { digest }
}
