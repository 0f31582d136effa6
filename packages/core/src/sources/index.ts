export { resolveBaseDirectory, subTree } from './baseDirectory.js'
export { discardCopies, keptCopy } from './copies.js'
export { openSource } from './open.js'
export type { OpenedSource, SourceContext } from './types.js'
