import { createHash } from 'node:crypto'
import { holdsUser } from '../spec/image-reference.js'
import type { Source } from '../spec/source.js'
import { keepCopy, keptCopy } from './copies.js'
import { detectError } from './errors.js'
import { toManifest } from './manifest.js'
import { manifestTree } from './tree.js'
import type { OpenedSource, SourceContext } from './types.js'

/**
 * An image has no files: an empty tree, and the reference as its identity. Whether the reference is a good one is the planner's affair,
 * but for a password in it: the identity is shown and kept.
 */
export function openImage({ image }: Extract<Source, { kind: 'docker-image' }>, context: SourceContext): OpenedSource {
  if (holdsUser(image)) throw detectError('credentials-in-url', 'The image reference holds a user before its registry.')
  const nothing = toManifest([])
  const digest = createHash('sha256').update(`docker-image\0${image}`).digest('hex')
  return {
    identity: { kind: 'docker-image', digest, image, baseDirectory: '.', files: 0, bytes: 0 },
    tree: manifestTree('/', nothing),
    async materialise() {
      const { stateDir } = context
      return (await keptCopy(stateDir, digest)) ?? (await keepCopy(stateDir, async () => nothing, digest)).path
    },
  }
}
