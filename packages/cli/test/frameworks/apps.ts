import type { RealApp } from './app.js'
import { managers } from './managers.js'
import { renderers } from './renderers.js'
import { servers } from './servers.js'
import { sites } from './sites.js'

/** Every real application, in the order in which they are deployed. */
export const apps: readonly RealApp[] = [...servers, ...managers, ...renderers, ...sites]
