import type { Planner } from '@appaloft/core/spec'
import { detect, key } from './detect.js'
import { plan } from './plan.js'

/** The planner for images that others have built: it reads the reference and asks no registry. The port comes from the profile. */
export const image = (): Planner => ({ specVersion: 1, key, detect, plan: (context) => plan(context) })
