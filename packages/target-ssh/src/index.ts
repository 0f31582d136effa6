export type { SshHostOptions } from './options.js'
export { sshHost } from './sshHost.js'
