export { keptProxy } from './kept-proxy.js'
export type { KeeperOptions, ProcessOptions } from './options.js'
export { shutdown } from './shutdown.js'
export { processTarget as process } from './target.js'
