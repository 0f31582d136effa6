export { initialConfig } from './initial.js'
export type { CaddyProxyOptions } from './options.js'
export { caddy } from './proxy.js'
