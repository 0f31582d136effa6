export * from './conformance/store.js'
export * from './conformance/suite.js'
export * from './fakes/index.js'
export * from './fakes/records.js'
