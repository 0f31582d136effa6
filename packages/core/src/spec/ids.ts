import { z } from 'zod'

const ulid = '[0-9a-hjkmnp-tv-z]{26}'

/** A resource's id may be chosen by the host application: `res_web`. */
export const resourceIdSchema = z.string().regex(/^res_[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/, 'an id like res_web')
export const deploymentIdSchema = z.string().regex(new RegExp(`^dep_${ulid}$`), 'an id like dep_ and a lower-case ULID')
export const releaseIdSchema = z.string().regex(new RegExp(`^rel_${ulid}$`), 'an id like rel_ and a lower-case ULID')

export const rolloutIdSchema = z.string().regex(new RegExp(`^rol_${ulid}$`), 'an id like rol_ and a lower-case ULID')

/** Makes ids. Injected, so that a simulation is repeatable. The default gives monotonic lower-case ULIDs. */
export interface Ids {
  /** A new id: the prefix and a lower-case ULID, greater than every id that this instance gave before. */
  next(prefix: 'res' | 'dep' | 'rel' | 'rol' | 'eng'): string
}
