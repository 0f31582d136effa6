import type { AppaloftOptions, ResourceDefinition, Source } from '@appaloft/core/spec'
import type { CaddyConfig, DockerConfig, SshConfig } from '../targets/config.js'

/** A variable whose value is read from the environment of the command line when it runs: so a file that is committed holds no secret. */
export interface FromEnv {
  fromEnv: string
  secret?: boolean
  scope?: 'build' | 'runtime' | 'both'
}

/** A resource in a configuration file. Relative paths are relative to the file's folder. */
export type ResourceConfig = Omit<ResourceDefinition, 'source' | 'environment'> & {
  /** Default: the folder of the configuration file. */
  source?: Source
  environment?: Record<string, NonNullable<ResourceDefinition['environment']>[string] | FromEnv>
}

/** Where releases run, by name. Not beside `targets`. */
export interface TargetConfig {
  /** `process` (default): supervised local processes. `docker`: containers of a Docker Engine. `ssh`: those of another machine's. */
  target?: 'process' | 'docker' | 'ssh'
  /** What routes to releases in Docker. `embedded` (default), or `caddy`: Caddy as a container, or one that runs already; with `ssh` always, on that machine. */
  proxy?: 'embedded' | 'caddy'
  docker?: DockerConfig
  ssh?: SshConfig
  caddy?: CaddyConfig
}

/** Where releases run, and parts of the engine that replace the default ones: those only in `.ts` and `.js` files. */
export type CompositionConfig = TargetConfig &
  Partial<
    Pick<
      AppaloftOptions,
      | 'store'
      | 'targets'
      | 'planners'
      | 'secrets'
      | 'credentials'
      | 'concurrency'
      | 'identity'
      | 'retention'
      | 'stateDir'
    >
  >

/** What `appaloft.config.ts` exports by default: one resource, or several by name, and, where wanted, parts of the engine. */
export type Config = CompositionConfig &
  (
    | (ResourceConfig & { resources?: undefined })
    | ({ resources: Record<string, ResourceConfig> } & { [K in keyof ResourceConfig]?: undefined })
  )

/** Gives `appaloft.config.ts` its types. */
export const defineConfig = (config: Config): Config => config
