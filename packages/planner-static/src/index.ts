export type { StaticSiteOptions } from './options.js'
export { staticSite } from './planner.js'
