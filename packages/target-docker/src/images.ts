import type { ReleaseRecord } from '@appaloft/core/spec'
import { z } from 'zod'
import { EngineError } from './api/client.js'
import type { Engine } from './api/engine.js'
import { bundleSchema, type ImageRecord, isProject, namedImage } from './compose/bundle.js'

const plainSchema = z.object(namedImage)

/** Every image of a release. @param bases also those that others are made of */
export function imagesOf(release: ReleaseRecord, { bases }: { bases: boolean }): Omit<ImageRecord, 'base'>[] {
  const bundle = isProject(release) ? bundleSchema.safeParse(release.artifact).data : undefined
  if (bundle !== undefined)
    return Object.values(bundle.images).flatMap((one) => (one.base === undefined || !bases ? [one] : [one, one.base]))
  const plain = plainSchema.safeParse(release.artifact)
  return plain.success ? [plain.data] : []
}

export interface Discarding {
  kept: readonly ReleaseRecord[]
  /** Ids of images that containers have. */
  running: ReadonlySet<string>
  /** How our names are called on this engine. */
  called(name: string): string
  /** Was it this engine that pulled it? */
  pulled(image: Omit<ImageRecord, 'base'>): boolean
  signal: AbortSignal | undefined
}

/** Takes our names from the images that no release that is kept needs, and no container runs; and what we pulled by digest. */
export async function discardImages(engine: Engine, release: ReleaseRecord, options: Discarding): Promise<void> {
  const { kept, running, called, pulled, signal } = options
  const needed = kept.flatMap((one) => imagesOf(one, { bases: true }))
  const names = new Set(needed.map(({ name }) => name))
  const digests = new Set(needed.map(({ digest }) => digest))
  for (const one of imagesOf(release, { bases: true })) {
    if (running.has(one.image)) continue
    if (!names.has(one.name)) await engine.untag(called(one.name), { signal }).catch(unlessUsed)
    if (one.digest !== undefined && pulled(one) && !digests.has(one.digest))
      // Another name may have been given to it meanwhile, or a container of somebody's may run it: it stays then.
      await engine.untag(one.digest, { signal }).catch(() => undefined)
  }
}

/** A container has it by another id. */
function unlessUsed(error: unknown): void {
  if (!(error instanceof EngineError) || error.status !== 409) throw error
}
