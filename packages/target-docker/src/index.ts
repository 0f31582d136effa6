export type { DockerOptions, PullPolicy } from './options.js'
export { dockerTarget as docker } from './target.js'
