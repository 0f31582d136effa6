export * from './conformance/suite.js'
export * from './fakes/index.js'
