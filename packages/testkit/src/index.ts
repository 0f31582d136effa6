export * from './conformance/host.js'
export * from './conformance/planner.js'
export * from './conformance/proxy.js'
export {
  type SiteCase,
  siteCases,
  siteEncodings,
  siteFiles,
  siteForbidden,
  siteRanges,
  spaCases,
} from './conformance/site.js'
export * from './conformance/store.js'
export * from './conformance/suite.js'
export * from './conformance/target.js'
export * from './fakes/index.js'
export * from './fakes/records.js'
export * from './fixtures/planner.js'
export * from './simulation/index.js'
export * from './trees/memory.js'
export * from './trees/shuffled.js'
