export { initialConfig } from './initial.js'
export type { CaddyProxyOptions, StartOptions } from './options.js'
export { probeCaddy } from './probe.js'
export { caddy } from './proxy.js'
