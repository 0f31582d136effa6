import type { Engine } from '../api/engine.js'
import { label, type Names } from '../names.js'

/** So many of an engine's images are looked into, and so many at a time. */
const limits = { images: 64, together: 8 }

/** How many layers both begin with. */
export function shared(a: readonly string[], b: readonly string[]): number {
  const end = a.findIndex((layer, at) => layer !== b[at])
  return end === -1 ? a.length : end
}

/**
 * How many of these layers, from the lowest on, the engine has: a layer is there where an image of it begins with the same ones. Those of the resource
 * are asked first, the newest before the others.
 */
export async function layersThere(
  engine: Engine,
  names: Names,
  resourceId: string,
  layers: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const rank = (labels: Record<string, string>) =>
    labels[label.scope] !== names.scope ? 2 : labels[label.resource] === resourceId ? 0 : 1
  const images = (await engine.allImages({ signal }))
    .sort((a, b) => rank(a.Labels) - rank(b.Labels) || b.Created - a.Created)
    .slice(0, limits.images)
  let most = 0
  while (images.length > 0 && most < layers.length) {
    const asked = images.splice(0, limits.together).map(({ Id: id }) => engine.image(id, { signal }))
    for (const image of await Promise.all(asked)) most = Math.max(most, shared(layers, image?.RootFS.Layers ?? []))
  }
  return most
}
