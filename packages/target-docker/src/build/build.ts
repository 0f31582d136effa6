import { statfs } from 'node:fs/promises'
import { join, posix } from 'node:path'
import process from 'node:process'
import { AppaloftError, type BuildInput, type BuildResult, type Host, type ReleaseRecord } from '@appaloft/core/spec'
import type { Image } from '../api/schemas.js'
import type { Maker } from '../builder/maker.js'
import type { Parts } from '../containers/start.js'
import { checkMark } from '../marks.js'
import { label } from '../names.js'
import type { Login } from '../registry/credentials.js'
import { provide } from '../registry/pull.js'
import { kept, lookBefore, named, sweep } from './before.js'
import { type BuildxInput, buildx } from './buildx.js'
import { dockerfileFor } from './dockerfile.js'
import { buildFailure } from './failure.js'
import { told } from './told.js'
import { type BuildVariables, inputsArgument, safePath } from './words.js'

export interface BuildParts extends Parts {
  host: Host
  maker: Maker
  /** What is looked at first was answered behind this holder's claim: the mark need not be compared before something is changed. */
  compared?: boolean
  /** As whom the registry of the plan's image was asked ahead. */
  login?: Promise<Login | null> | undefined
}

/** Pulls or builds, or finds what the same inputs gave before. */
export async function build(parts: BuildParts, input: BuildInput): Promise<BuildResult> {
  const { engine, names } = parts
  const { plan, resourceId, signal, token } = input
  if (plan.artifact.kind === 'image') return await pullImage(parts, input, plan.artifact.image)
  const variables = variablesOf(input)
  const generated = dockerfileFor(plan, parts.settings, variables)
  const check = () => checkMark(engine, names, resourceId, token, signal)
  const [{ inputs, platform, found }] = await Promise.all([
    lookBefore(parts, input, [input.inputsDigest, generated]),
    parts.compared === true ? null : check(),
  ])
  if (found !== undefined) return { artifact: { ...found }, cached: true }
  if (parts.compared === true) await check()
  if (input.sourceDirectory === null)
    throw new AppaloftError('unsupported-runtime-target', { message: 'A source without files cannot be built.' })
  await checkSpace(parts.maker, signal)
  await sweep(parts, resourceId, signal)
  const labels = names.labels({ resourceId }, 'build', { [label.inputs]: inputs })
  const result = await buildx({ ...common(parts, input, variables), ...sourceOf(input, generated), labels, platform })
  signal.throwIfAborted()
  if ('failed' in result) throw buildFailure(result.failed, plan, parts.settings, platform)
  return { artifact: await kept(parts, input, inputs, result.image), cached: false }
}

type Variables = Pick<BuildInput, 'environment' | 'secretNames'>

/** The Dockerfile that is generated for a build. */
export const generatedFor = (input: Variables & Pick<BuildInput, 'plan'>, settings: Parts['settings']) =>
  dockerfileFor(input.plan, settings, variablesOf(input))

export const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
])

function variablesOf({ environment, secretNames }: Variables): BuildVariables {
  const all = Object.keys(environment).sort()
  return {
    plain: all.filter((name) => !secretNames.includes(name)),
    secret: all.filter((name) => secretNames.includes(name)),
  }
}

function common(parts: BuildParts, input: BuildInput, { plain, secret }: BuildVariables) {
  const values = (wanted: readonly string[]) =>
    Object.fromEntries(wanted.map((name) => [name, input.environment[name] ?? '']))
  const through = proxyVariables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  return {
    engine: parts.maker.engine,
    host: parts.host,
    cli: parts.settings.cli,
    env: process.env,
    signal: input.signal,
    credentials: parts.settings.credentials,
    args: { ...Object.fromEntries(through), ...values(plain), ...ownArguments(input) },
    secrets: values(secret),
    noCache: input.noCache,
    onEvent: told(input.log),
  }
}

const ownArguments = ({ plan: { artifact }, inputsDigest }: BuildInput): Record<string, string> =>
  artifact.kind === 'dockerfile' ? (artifact.buildArgs ?? {}) : { [inputsArgument]: inputsDigest }

function sourceOf(input: BuildInput, generated: string | null): Pick<BuildxInput, 'context' | 'dockerfile' | 'target'> {
  const source = input.sourceDirectory ?? ''
  const { artifact } = input.plan
  // Nothing is left out: what the source ignores is not in this copy of it.
  if (artifact.kind !== 'dockerfile') return { context: source, dockerfile: { text: generated ?? '', ignore: '' } }
  const context = safePath(artifact.context)
  return {
    context: join(source, context),
    dockerfile: { path: posix.relative(context, safePath(artifact.dockerfilePath)) },
    target: artifact.buildTarget,
  }
}

export async function pullImage(
  parts: BuildParts,
  input: BuildInput,
  reference: string,
  only?: 'made',
): Promise<BuildResult> {
  const { engine, names, settings, host, maker } = parts
  const { signal, resourceId, token, log } = input
  // Where a registry is between them, the one that runs it takes it from its own.
  const puts = maker.repository !== null && only !== 'made' ? { ...maker, engine, name: (name: string) => name } : maker
  const mayFetch = async () => {
    await checkMark(engine, names, resourceId, token, signal)
    await checkSpace(puts, signal)
  }
  const platform = puts.engine === engine ? null : await maker.platform(signal)
  const { login, compared = false } = parts
  const place = { engine: puts.engine, settings, host, env: process.env, signal, log, platform, mayFetch, login }
  const check = () => checkMark(engine, names, resourceId, token, signal)
  const [{ image, digest, pulled }] = await Promise.all([provide(place, reference), compared ? null : check()])
  if (pulled) await check()
  // A name of ours keeps it, when the registry's tag moves on to another.
  const { name } = names.image(resourceId, `i-${image.Id.replace(/^sha256:/, '').slice(0, 24)}`)
  if (!image.RepoTags.includes(name)) {
    if (compared && !pulled) await check()
    await named(puts, image.Id, name, signal)
  }
  return {
    artifact: {
      ...{ image: image.Id, name, reference },
      ...(digest === undefined ? {} : { digest }),
      ...(puts.engine === engine ? { pulled } : { pulledThere: pulled }),
    },
    cached: !pulled,
  }
}

/** The image that a release runs. Errors: `release-not-found`. */
export async function imageOf({ engine }: Parts, release: ReleaseRecord, signal: AbortSignal): Promise<Image> {
  const { image, digest, name } = release.artifact
  if (typeof image !== 'string')
    throw new AppaloftError('release-not-found', { message: 'The release names no image of this target.' })
  // Engines that keep images in another way call them by other ids.
  const others = [digest, name].filter((one) => typeof one === 'string')
  let found = await engine.image(image, { signal })
  for (const other of others) found ??= await engine.image(other, { signal })
  if (found !== null) return found
  throw new AppaloftError('release-not-found', {
    message: 'The image of this release is no longer on the engine.',
    recoveryHint: 'Redeploy the resource: that builds or pulls it anew.',
  })
}

const failBytes = 64 * 1024 * 1024

/** Before anything is fetched: a full disk half-way leaves more behind. Only where the engine's disk is one of this machine's. */
export async function checkSpace({ engine }: Pick<Parts, 'engine'>, signal: AbortSignal): Promise<void> {
  if (engine.address.kind !== 'unix' || engine.address.elsewhere === true) return
  const { DockerRootDir: root } = await engine.info({ signal })
  const disk = await statfs(root).catch(() => null)
  if (disk === null || disk.bavail * disk.bsize >= failBytes) return
  throw new AppaloftError('disk-full', {
    message: `The disk of the Docker Engine has ${Math.floor((disk.bavail * disk.bsize) / 1024 / 1024)} MiB left.`,
    details: { folder: root },
  })
}
