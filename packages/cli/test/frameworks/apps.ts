import type { RealApp } from './app.js'
import { servers } from './servers.js'
import { sites } from './sites.js'

/** Every real application, in the order in which they are deployed. */
export const apps: readonly RealApp[] = [...servers, ...sites]
