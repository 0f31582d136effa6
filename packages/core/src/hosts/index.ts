export { type LocalHostOptions, localHost } from './localHost.js'
export { Lines, Tail } from './output.js'
