export * from './spec/index.js'
export * from './stores/memory.js'
