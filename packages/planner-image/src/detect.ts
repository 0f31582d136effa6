import { type Claim, isImageReferenceFault, type PlannerContext, parseImageReference } from '@appaloft/core/spec'
import { referenceFacts } from './facts.js'

export const key = 'image'

/** Claims every source that is an image, also one whose reference cannot be read. */
export async function detect({ source, profiles }: PlannerContext): Promise<Claim | null> {
  const { planner } = profiles.runtime
  if (source.kind !== 'docker-image' || (planner !== undefined && planner !== key)) return null
  const reference = parseImageReference(source.image)
  return {
    basis: 'explicit',
    supportTier: 'container-native',
    reason: 'The source is an image that is built already.',
    evidence: isImageReferenceFault(reference) ? [] : referenceFacts(reference),
    artifactKind: 'image',
  }
}
