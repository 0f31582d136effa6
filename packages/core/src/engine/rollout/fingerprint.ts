import { createHash } from 'node:crypto'
import { canonicalJson } from '../../spec/json.js'

/**
 * One fingerprint of a rollout: of several targets' previews together, since each plan names its target; of one target that of its preview.
 *
 * @param fingerprints by key of the target
 */
export function rolloutFingerprint(fingerprints: Readonly<Record<string, string>>): string {
  const [only, ...more] = Object.values(fingerprints)
  if (only !== undefined && more.length === 0) return only
  return createHash('sha256').update(canonicalJson(fingerprints)).digest('hex')
}
