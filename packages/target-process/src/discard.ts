import type { ReleaseRecord } from '@appaloft/core/spec'
import { removeBuild, removeFolder, sweepDrafts } from './build/store.js'
import { checkMark } from './shared/marks.js'
import type { Layout } from './shared/paths.js'
import { knownReleases } from './shared/records.js'

/** Removes a release's build, unless something still needs it: a retained release, or one that is still known to the keeper. */
export async function discard(
  layout: Layout,
  release: ReleaseRecord,
  token: number,
  options: { retained: readonly ReleaseRecord[]; volumes?: boolean; signal?: AbortSignal },
): Promise<void> {
  const { resourceId } = release
  options.signal?.throwIfAborted()
  checkMark(layout, resourceId, token)
  const { build } = release.artifact
  const needed = new Set([
    ...options.retained.filter((one) => one.resourceId === resourceId).map((one) => one.artifact.build),
    ...knownReleases(layout, resourceId).map(({ meta }) => meta.build),
  ])
  if (typeof build === 'string' && !needed.has(build)) await removeBuild(layout, resourceId, build)
  await sweepDrafts(layout, resourceId)
  if (options.volumes !== true) return
  checkMark(layout, resourceId, token)
  await removeFolder(layout, layout.volumesOf(resourceId))
}
