import type { ReleaseInput } from '@appaloft/core/spec'
import type { Image } from './api/schemas.js'
import { imageOf } from './build/build.js'
import { isProject } from './compose/bundle.js'
import { startProject } from './compose/start.js'
import { everythingOf, type Found } from './containers/find.js'
import { type Parts, startRelease } from './containers/start.js'
import type { Started } from './containers/started.js'
import { checkMark } from './marks.js'
import type { Takings } from './takings.js'

/** What is seen before a release starts. */
export interface Before {
  image: Image
  seen: readonly Found[]
}

/** @param known as it was seen before, with no container of the release */
export async function start(
  parts: Parts,
  { takings, started }: { takings: Takings; started: Started },
  input: ReleaseInput,
  known: Before | undefined,
): Promise<void> {
  const { engine, names } = parts
  const { resourceId, token, signal, release } = input
  const project = isProject(release)
  const taken = takings.over(engine, resourceId, input)
  // Waited for before anything starts, or is looked for by its name.
  taken.catch(() => undefined)
  started.forget(input)
  const look = async () => {
    await taken
    const [image, seen] = await Promise.all([
      imageOf(parts, release, signal),
      everythingOf(engine, names, input, signal),
      checkMark(engine, names, resourceId, token, signal),
    ])
    return { image, seen }
  }
  // None of it changes anything, and the mark is compared again before what was made is started.
  const { image, seen } = (project ? undefined : known) ?? (await look())
  if (project) return await startProject(parts, input, image)
  const begun = await startRelease(parts, input, image, { seen, taken })
  if (begun !== null) started.add(input, begun)
}
