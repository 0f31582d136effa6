import type { ReleaseRecord } from '@appaloft/core/spec'
import type { Parts } from '../containers/start.js'
import { bundleSchema, type ImageRecord, isProject } from './bundle.js'

/** Every image of a release, with those that are made of others. */
function imagesOf(release: ReleaseRecord): Pick<ImageRecord, 'image' | 'name' | 'digest' | 'pulled'>[] {
  const read = bundleSchema.safeParse(release.artifact)
  if (!isProject(release) || !read.success) return []
  return Object.values(read.data.images).flatMap((one) => (one.base === undefined ? [one] : [one, one.base]))
}

/** Takes our names from the images that no release that is kept needs, and no container runs. */
export async function discardImages(
  { engine }: Pick<Parts, 'engine'>,
  release: ReleaseRecord,
  kept: readonly ReleaseRecord[],
  running: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const needed = kept.flatMap(imagesOf)
  const digests = new Set(needed.map(({ digest }) => digest))
  const names = new Set([...needed.map(({ name }) => name), ...kept.map(({ artifact }) => artifact.name)])
  for (const { image, name, digest, pulled } of imagesOf(release)) {
    if (running.has(image)) continue
    if (!names.has(name)) await engine.untag(name, { signal })
    if (digest !== undefined && pulled === true && !digests.has(digest))
      // Another name may have been given to it meanwhile, or a container of somebody's may run it: it stays then.
      await engine.untag(digest, { signal }).catch(() => undefined)
  }
}
