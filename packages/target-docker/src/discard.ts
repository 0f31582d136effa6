import type { CallOptions, ReleaseRecord } from '@appaloft/core/spec'
import { EngineError, EngineUnreachable } from './api/client.js'
import type { Maker } from './builder/maker.js'
import { removeProject } from './compose/sweep.js'
import type { Parts } from './containers/start.js'
import { discardImages } from './images.js'
import { checkMark } from './marks.js'

/** Takes our name, and what we pulled by digest, from a release's image; the engine lets it go when nothing else has it. */
export async function discard(
  { engine, names, maker }: Parts & { maker: Maker | null },
  release: ReleaseRecord,
  token: number,
  options: CallOptions & { retained: readonly ReleaseRecord[]; volumes?: boolean },
): Promise<void> {
  const { resourceId } = release
  const { signal } = options
  const [images] = await Promise.all([
    runningImages({ engine, names }, resourceId, signal),
    checkMark(engine, names, resourceId, token, signal),
  ])
  const kept = options.retained.filter((one) => one.resourceId === resourceId)
  // With the last release goes what stays from one to the next.
  if (kept.length === 0) await removeProject({ engine, names }, resourceId, signal)
  const running = kept.length === 0 ? await runningImages({ engine, names }, resourceId, signal) : images
  const shared = { kept, signal }
  const here = { ...shared, running, called: (name: string) => name }
  await discardImages(engine, release, { ...here, pulled: (image) => image.pulled === true })
  // Where they were made they are let go too, if that can be asked: nothing depends on it.
  if (maker?.elsewhere === true) {
    const there = { ...shared, running: new Set<string>(), called: maker.name }
    await discardImages(maker.engine, release, { ...there, pulled: (image) => image.pulledThere === true }).catch(
      (error: unknown) => {
        if (!(error instanceof EngineError || error instanceof EngineUnreachable)) throw error
      },
    )
  }
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
  return new Set(found.map(({ ImageID: image }) => image))
}
