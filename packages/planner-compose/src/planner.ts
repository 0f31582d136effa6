import type { Planner } from '@appaloft/core/spec'
import { detect, key } from './detect.js'
import { plan } from './plan.js'

/**
 * The planner for Compose projects. It reads the files as Compose does (interpolation, merge, `extends`, `include`, profiles), needs no Docker and
 * asks no process's environment. Its claim is the weakest: it wins by `runtime.composeFiles`, by `runtime.planner: 'compose'`, for a
 * source of kind `compose-file`, and where nobody else claims the source.
 */
export const compose = (): Planner => ({ specVersion: 1, key, detect, plan })
