export type { EmbeddedProxyOptions } from './options.js'
export { controlSocketPath } from './paths.js'
export { protocolVersion } from './protocol.js'
export { embedded } from './proxy.js'
