export { type LocalHostOptions, localHost } from './localHost.js'
