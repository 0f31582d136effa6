import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import process from 'node:process'
import { AppaloftError, type BuildInput, type BuildResult, type LogLine, type Plan } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { kept as keptName, lookBefore, sweep } from '../build/before.js'
import { type BuildParts, checkSpace, proxyVariables, pullImage } from '../build/build.js'
import { type BuildxInput, buildx } from '../build/buildx.js'
import { buildFailure } from '../build/failure.js'
import { told } from '../build/told.js'
import { json, safePath } from '../build/words.js'
import { checkMark } from '../marks.js'
import { label, partsOf } from '../names.js'
import { candidateOf, type ImageRecord, toArtifact } from './bundle.js'
import { type Copy, contentDigest, place } from './files.js'
import { invalid, notOffered, type Project, type Service } from './model.js'
import { resolve } from './resolve.js'
import { digestsOf, secretsIn } from './secrets.js'
import { type Running, servicesOf } from './services.js'

/** Resolves the project, and pulls or builds the image of each service. */
export async function buildProject(
  parts: BuildParts,
  input: BuildInput,
  artifact: Extract<Plan['artifact'], { kind: 'compose-project' }>,
): Promise<BuildResult> {
  if (input.sourceDirectory === null)
    throw new AppaloftError('unsupported-runtime-target', { message: 'A Compose project needs its files.' })
  await checkMark(parts.engine, parts.names, input.resourceId, input.token, input.signal)
  const project = await resolve(parts, input, artifact)
  const candidate = candidateOf(project, artifact.targetServiceName)
  checkCandidate(candidate, project, input.plan)
  await sweep(parts, input.resourceId, input.signal)
  const running = await servicesOf(parts, input.resourceId, input.signal)
  const images: Record<string, ImageRecord> = {}
  const services: Record<string, Service> = {}
  // By the names that the files give to what is built: another service may run the same image without building it.
  const named = new Map<string, Made>()
  let cached = true
  const built = ([, one]: [string, Service]) => (one.build ? 0 : 1)
  for (const [name, service] of Object.entries(project.services).sort((a, b) => built(a) - built(b))) {
    const placed = await place(name, service, project, input.sourceDirectory)
    for (const text of placed.told) input.log({ stream: 'stdout', text })
    const own = { ...input, log: ({ stream, text }: LogLine) => input.log({ stream, text: `${name}: ${text}` }) }
    const kept = name === candidate ? [] : running.filter((one) => one.service === name)
    const same = service.build ? undefined : named.get(service.image ?? '')
    const baseAt = (only?: 'made') => baseOf(parts, own, project, name, service, kept, only)
    const base = same ?? (await baseAt())
    if (service.build && service.image !== undefined) named.set(service.image, base)
    const made =
      placed.copies.length === 0 ? base : await withFiles(parts, own, name, base.record, placed.copies, baseAt)
    services[name] = placed.service
    images[name] = made.record
    cached &&= base.cached && made.cached
  }
  return { artifact: toArtifact({ candidate, project: { ...project, services }, images }), cached }
}

interface Made {
  record: ImageRecord
  cached: boolean
}

/** What it shares with the machine or another service cannot be there twice. */
function checkCandidate(name: string, project: Project, plan: Plan): void {
  const service = project.services[name]
  const shared = (['network_mode', 'ipc', 'pid'] as const).find((key) => service?.[key] !== undefined)
  if (shared === 'network_mode' || service?.[shared ?? 'ipc']?.startsWith('service:') === true)
    throw invalid(
      `services.${name}.${shared}: the service that takes the traffic needs networks of its own.`,
      `services.${name}.${shared}`,
    )
  const networks = Object.keys(service?.networks ?? {})
  if (plan.network.exposure !== 'none' && networks.every((key) => project.networks[key]?.internal === true))
    throw invalid(`services.${name}.networks: internal networks alone let no traffic in.`, `services.${name}.networks`)
}

function naming(service: string, error: unknown): unknown {
  if (!AppaloftError.isInstance(error) || error.code === 'compose-invalid') return error
  const { message, details, recoveryHint, category, retriable } = error
  return new AppaloftError(error.code, {
    message: `The service ${service}: ${message}`,
    details: { ...details, service },
    recoveryHint,
    category,
    retriable,
    cause: error,
  })
}

async function baseOf(
  parts: BuildParts,
  input: BuildInput,
  project: Project,
  name: string,
  { build, image, pull_policy: policy }: Service,
  kept: readonly Running[],
  only: 'made' | undefined,
): Promise<Made> {
  try {
    if (build) return await built(parts, input, await buildInput(input, project, name, build), only)
    if (image === undefined) throw invalid(`services.${name} has neither image nor build.`, `services.${name}`)
    const present = policy === 'always' || input.noCache ? null : await keptImage(parts, kept, image, input, only)
    if (present !== null) return present
    const { artifact, cached } = await pullImage(parts, input, image, only)
    return { record: artifact as unknown as ImageRecord, cached }
  } catch (error) {
    throw naming(name, error)
  }
}

/**
 * What stays in place has its image until the file names another: a database is not replaced because its tag moved. Where the image is to be made another of, and
 * only runs elsewhere, its digest is pulled again.
 */
async function keptImage(
  parts: BuildParts,
  kept: readonly Running[],
  reference: string,
  input: BuildInput,
  only: 'made' | undefined,
): Promise<Made | null> {
  const { engine, names, maker } = parts
  const { resourceId, signal } = input
  const [found] = kept.filter((one) => one.reference === reference)
  if (found === undefined) return null
  const digest = found.digest === '' ? {} : { digest: found.digest }
  if (only === undefined || !maker.elsewhere) {
    const image = await engine.image(found.image, { signal })
    if (image !== null) return { record: await keptRecord(engine, image.Id, (name) => name), cached: true }
  }
  const here = maker.elsewhere ? await maker.engine.image(found.image, { signal }) : null
  if (here !== null) return { record: await keptRecord(maker.engine, here.Id, maker.name), cached: true }
  if (!maker.elsewhere || found.digest === '') return null
  const pulled = await pullImage(parts, input, found.digest, only).catch(() => null)
  signal.throwIfAborted()
  return pulled === null
    ? null
    : { record: { ...(pulled.artifact as unknown as ImageRecord), reference }, cached: true }

  async function keptRecord(where: Engine, id: string, called: (name: string) => string): Promise<ImageRecord> {
    const { name } = names.image(resourceId, `i-${id.replace(/^sha256:/, '').slice(0, 24)}`)
    const { repo, tag } = partsOf(called(name))
    await where.tag(id, repo, tag, { signal })
    return { image: id, name, reference, ...digest }
  }
}

type Wanted = Pick<BuildxInput, 'context' | 'dockerfile' | 'target' | 'args' | 'secrets'> & {
  noCache?: boolean
  /** Of all that decides what is built, whatever else of the source changes: an image that stays keeps its service as it is. */
  inputs: readonly unknown[]
}

async function buildInput(
  input: BuildInput,
  project: Project,
  name: string,
  build: NonNullable<Service['build']>,
): Promise<Wanted> {
  const source = input.sourceDirectory ?? ''
  const at = `services.${name}.build`
  if (!build.context.startsWith('./')) throw notOffered(`${at}.context outside the source`)
  if (build.network !== undefined && build.network !== 'default') throw notOffered(`${at}.network`)
  const [hidden] = secretsIn(build.args)
  if (hidden !== undefined)
    throw new AppaloftError('secret-in-build-scope', {
      phase: 'execute',
      message: `${at}.args holds the secret ${hidden}, which everybody who has the image could read there.`,
      details: { profileField: `environment.${hidden}`, service: name },
      recoveryHint: `Hand it over in ${at}.secrets instead, and set environment.${hidden}.scope to build or both.`,
    })
  const context = join(source, safePath(build.context))
  const dockerfile =
    build.dockerfile_inline === undefined
      ? { path: posix.normalize(build.dockerfile ?? 'Dockerfile') }
      : {
          text: build.dockerfile_inline,
          ignore: await readFile(join(context, '.dockerignore'), 'utf8').catch(() => ''),
        }
  const secrets: Record<string, string> = {}
  for (const { source: id, target } of build.secrets) {
    const given = project.secrets[id]
    const value =
      given?.environment !== undefined
        ? input.environment[given.environment]
        : given?.file?.startsWith('./')
          ? await readFile(join(source, safePath(given.file)), 'utf8')
          : undefined
    if (value === undefined)
      throw new AppaloftError('secret-unavailable', {
        phase: 'execute',
        message: `${at}.secrets asks for ${id}, which the build is not given.`,
        recoveryHint: `Set environment.${given?.environment ?? id} with the scope build or both.`,
      })
    secrets[target ?? id] = value
  }
  const inputs = [
    build,
    await contentDigest(context),
    'path' in dockerfile ? await contentDigest(join(context, dockerfile.path ?? '')) : dockerfile,
    digestsOf(build.secrets.map((one) => project.secrets[one.source]?.environment ?? one.source).sort(), input.plan),
    Object.values(project.secrets).map((one) => one.file ?? null),
  ]
  return { context, dockerfile, target: build.target, args: build.args, secrets, noCache: build.no_cache, inputs }
}

/** The image of a service with files of the source in it. @param baseAt the base again, surely where images are made */
async function withFiles(
  parts: BuildParts,
  input: BuildInput,
  service: string,
  base: ImageRecord,
  copies: readonly Copy[],
  baseAt: (only: 'made') => Promise<Made>,
): Promise<Made> {
  const { maker } = parts
  const source = input.sourceDirectory ?? ''
  const literal = (path: string) => path.replaceAll(/[*?[\]\\]/g, '\\$&')
  const textOn = ({ name }: ImageRecord) =>
    [`FROM ${name}`, ...copies.map(({ from, to }) => `COPY ${json([literal(from), to])}`), ''].join('\n')
  const contents = await Promise.all(copies.map(({ from }) => contentDigest(join(source, from))))
  const wantedOn = (record: ImageRecord) => ({
    context: source,
    dockerfile: { text: textOn({ ...record, name: maker.name(record.name) }), ignore: '' },
    args: {},
    secrets: {},
    inputs: [record.image, textOn(record), contents],
  })
  try {
    let record = base
    if (maker.elsewhere && (await maker.engine.image(maker.name(base.name), input)) === null) {
      const { found } = await lookBefore(parts, input, wantedOn(base).inputs)
      if (found !== undefined) return { record: { ...found, base }, cached: true }
      record = (await baseAt('made')).record
    }
    const made = await built(parts, input, wantedOn(record))
    // What it is made of goes with it.
    return { ...made, record: { ...made.record, base: record } }
  } catch (error) {
    throw naming(service, error)
  }
}

/** Builds, or finds what the same inputs gave before. @param only on the engine that makes images */
async function built(parts: BuildParts, input: BuildInput, wanted: Wanted, only?: 'made'): Promise<Made> {
  const { names, settings, host, maker } = parts
  const { resourceId, signal, plan } = input
  const { inputs: parted, ...asked } = wanted
  const noCache = input.noCache || wanted.noCache === true
  const { inputs, platform, found } = await lookBefore(parts, { ...input, noCache }, parted, only)
  if (found !== undefined) return { record: found, cached: true }
  await checkSpace(maker, signal)
  const through = proxyVariables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  const result = await buildx({
    ...{ engine: maker.engine, host, cli: settings.cli, env: process.env, signal, credentials: settings.credentials },
    ...asked,
    platform,
    args: { ...Object.fromEntries(through), ...wanted.args },
    labels: names.labels({ resourceId }, 'build', { [label.inputs]: inputs }),
    noCache,
    onEvent: told(input.log),
  })
  signal.throwIfAborted()
  if ('failed' in result) throw buildFailure(result.failed, plan, settings, platform)
  return { record: await keptName(parts, input, inputs, result.image), cached: false }
}
