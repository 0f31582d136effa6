import type { Planner } from '@appaloft/core/spec'
import { detect } from './detect.js'
import { plan } from './plan.js'

/**
 * The planner for Node.js applications and the frameworks built with them: whatever has a package.json. It emits `workspace` for what
 * is started and `static-site` for what is only built and served. It reads text and evaluates nothing.
 */
export const node = (): Planner => ({ specVersion: 1, key: 'node', detect, plan: (context) => plan(context) })
