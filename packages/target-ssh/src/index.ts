export { type BuildOption, buildOptionSchema } from '@appaloft/target-docker'
export type { SshHostOptions } from './options.js'
export { sshHost } from './sshHost.js'
export { type SshOptions, ssh } from './target.js'
