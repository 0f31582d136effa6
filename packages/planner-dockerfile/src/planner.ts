import type { Planner } from '@appaloft/core/spec'
import { detect, key } from './detect.js'
import { plan } from './plan.js'

/**
 * The planner for Dockerfiles: which file, which stage, which folder the build gets, and the port, from the profile or the only TCP port
 * that the stage exposes. It reads the file as BuildKit does and runs nothing.
 */
export const dockerfile = (): Planner => ({ specVersion: 1, key, detect, plan: (context) => plan(context) })
