import type { CallOptions, ReleaseRecord } from '@appaloft/core/spec'
import { discardImages } from './compose/discard.js'
import { removeProject } from './compose/sweep.js'
import type { Parts } from './containers/start.js'
import { checkMark } from './marks.js'

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Takes our name, and what we pulled by digest, from a release's image; the engine lets it go when nothing else has it. */
export async function discard(
  { engine, names }: Parts,
  release: ReleaseRecord,
  token: number,
  options: CallOptions & { retained: readonly ReleaseRecord[]; volumes?: boolean },
): Promise<void> {
  const { resourceId } = release
  const { signal } = options
  await checkMark(engine, names, resourceId, token, signal)
  const kept = options.retained.filter((one) => one.resourceId === resourceId)
  const needed = (field: 'name' | 'digest') => kept.some((one) => one.artifact[field] === release.artifact[field])
  // With the last release goes what stays from one to the next.
  if (kept.length === 0) await removeProject({ engine, names }, resourceId, signal)
  const running = await runningImages({ engine, names }, resourceId, signal)
  const { image, name, digest } = {
    image: text(release.artifact.image),
    name: text(release.artifact.name),
    digest: text(release.artifact.digest),
  }
  const used = image !== undefined && running.has(image)
  if (name !== undefined && !needed('name') && !used) await engine.untag(name, { signal })
  if (digest !== undefined && release.artifact.pulled === true && !needed('digest') && !used)
    // Another name may have been given to it meanwhile, or a container of somebody's may run it: it stays then.
    await engine.untag(digest, { signal }).catch(() => undefined)
  await discardImages({ engine }, release, kept, running, signal)
  if (options.volumes !== true) return
  await checkMark(engine, names, resourceId, token, signal)
  for (const { Name: volume } of await engine.volumes(names.ofResource(resourceId, 'volume'), { signal }))
    await engine.removeVolume(volume, { signal })
}

async function runningImages(
  { engine, names }: Pick<Parts, 'engine' | 'names'>,
  resourceId: string,
  signal: AbortSignal | undefined,
) {
  const found = await engine.containers(names.ofResource(resourceId), { signal })
  const looked = await Promise.all(found.map((one) => engine.container(one.Id, { signal })))
  return new Set(looked.flatMap((one) => (one === null ? [] : [one.Image])))
}
