import { AppaloftError, type Host, type ReleaseInput } from '@appaloft/core/spec'
import type { Image } from '../api/schemas.js'
import type { Parts } from '../containers/start.js'
import { imagesOf } from '../images.js'
import { checkMark } from '../marks.js'
import { partsOf } from '../names.js'
import { layersThere } from './layers.js'
import type { Maker } from './maker.js'
import { through } from './push.js'
import { send } from './send.js'

type UploadParts = Parts & { host: Host; maker: Maker; compared?: boolean }
type Made = { image: string; name: string }

/** Brings the images of a release to the engine that runs it, as far as they are not there. */
export async function upload(parts: UploadParts, input: ReleaseInput): Promise<void> {
  const { engine, names, maker } = parts
  const { resourceId, token, signal } = input
  if (maker.elsewhere || parts.compared !== true) await checkMark(engine, names, resourceId, token, signal)
  if (!maker.elsewhere) return
  for (const one of imagesOf(input.release, { bases: false })) {
    if ((await engine.image(one.name, { signal })) !== null) continue
    const { id, pulled } = await brought(parts, input, one)
    // Not kept where a newer holder has taken over meanwhile: without a name it is swept.
    await checkMark(engine, names, resourceId, token, signal)
    const { repo, tag } = partsOf(one.name)
    await engine.tag(id, repo, tag, { signal })
    // One name is enough, and goes with the release.
    if (pulled !== null) await engine.untag(pulled, { signal }).catch(() => undefined)
  }
}

interface Brought {
  /** Where it runs. */
  id: string
  /** A name that it has there besides. */
  pulled: string | null
}

async function brought(parts: UploadParts, input: ReleaseInput, { image: id, name }: Made): Promise<Brought> {
  const { engine, names, maker, host, settings } = parts
  const { resourceId, signal, log } = input
  // Under another name, or the two engines are one.
  if ((await engine.image(id, { signal })) !== null) return { id, pulled: null }
  const image = (await maker.engine.image(maker.name(name), { signal })) ?? (await maker.engine.image(id, { signal }))
  if (image === null)
    throw new AppaloftError('release-not-found', {
      message: `The image ${name} is neither where it was made nor where it is to run.`,
      recoveryHint: 'Redeploy the resource: that builds or pulls it anew.',
    })
  await checkPlatform(maker, image, signal)
  const { repository } = maker
  if (repository !== null) {
    const tag = `${names.scope}.${partsOf(name).tag}`
    return await through({ from: maker.engine, to: engine, host, settings, repository, signal, log }, image.Id, tag)
  }
  const present = (await keepsContent(parts, input))
    ? 0
    : await layersThere(engine, names, resourceId, image.RootFS.Layers, signal)
  return { id: await send({ from: maker.engine, to: engine, image, name, present, signal, log }), pulled: null }
}

/** The store of containerd takes no archive without all of its layers. */
async function keepsContent({ engine }: UploadParts, { signal, log }: ReleaseInput): Promise<boolean> {
  const { DriverStatus: status } = await engine.info({ signal })
  const keeps = status.some(([key, value]) => key === 'driver-type' && value?.startsWith('io.containerd.') === true)
  if (keeps)
    log({
      stream: 'stderr',
      text: 'The engine keeps images in the store of containerd, which takes whole ones only: all layers are sent.',
    })
  return keeps
}

async function checkPlatform(maker: Maker, { Os: os, Architecture: architecture }: Image, signal: AbortSignal) {
  const platform = await maker.platform(signal)
  if (platform === null || architecture === '' || platform === `${os}/${architecture}`) return
  throw new AppaloftError('unsupported-runtime-target', {
    phase: 'execute',
    message: `The image is made for ${os}/${architecture}, and the machine that runs the release is ${platform}.`,
    recoveryHint: `Let the Dockerfile build for ${platform} (no FROM --platform of another kind), or set the option build of the target to 'remote'.`,
    details: { platform, image: `${os}/${architecture}` },
  })
}
