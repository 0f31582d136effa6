export { type BuildOption, buildOptionSchema } from './builder/options.js'
export {
  type CaddyContainer,
  type CaddyContainerOptions,
  type CaddyOnMachineOptions,
  caddyContainer,
} from './caddy/container.js'
export { type EngineFacts, engineFacts, type PortHolder } from './facts.js'
export type { DockerOptions, PullPolicy } from './options.js'
export { dockerTarget as docker } from './target.js'
