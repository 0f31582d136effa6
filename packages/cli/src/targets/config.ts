import { z } from 'zod'

/** How the Docker Engine is used. Everything has a default; a program that needs more composes `targets` itself. */
export const dockerConfigSchema = z.strictObject({
  /** Where the engine listens. Default: as the `docker` command finds it. */
  host: z.string().min(1).optional(),
  /** The name of a Docker context, where `host` is not given. */
  context: z.string().min(1).optional(),
  /** The `docker` command, which builds. Default `docker`, from the PATH. */
  cli: z.string().min(1).optional(),
  /** Sets what is ours apart from what another state folder with the same resources runs on this engine. Default `main`. */
  scope: z.string().min(1).optional(),
  /** When an image is pulled. Default `newer`. */
  pull: z.enum(['always', 'newer', 'missing', 'never']).optional(),
  /** How releases get their secrets. Default `environment`. */
  secrets: z.enum(['environment', 'files']).optional(),
  /** The image that serves static sites. Default `caddy:2-alpine`. */
  siteImage: z.string().min(1).optional(),
})
export type DockerConfig = z.infer<typeof dockerConfigSchema>

/** How Caddy is used. Without `admin` one is run as a container of ours. */
export const caddyConfigSchema = z.strictObject({
  /** The admin API of a Caddy that runs already: `http://127.0.0.1:2019`, `unix//run/caddy/admin.sock`. It is used, never started or stopped. */
  admin: z.string().min(1).optional(),
  /** The name under which that Caddy knows its admin API, where the way there goes through a forward. */
  adminHost: z.string().min(1).optional(),
  /** The folder of the markers, which Caddy reads. Absolute. Default: below the state folder. */
  root: z.string().min(1).optional(),
  /** The group that Caddy runs as, as a number, where it is another user than this one. */
  group: z.number().int().min(0).optional(),
  /** Where hostnames are served in clear. Default `:80`. */
  http: z.string().min(1).optional(),
  /** Where hostnames with TLS are served. Default `:443`. */
  https: z.string().min(1).optional(),
  /** Where certificates come from. Default `auto`: public authorities. */
  tls: z.enum(['auto', 'internal', 'off']).optional(),
  /** The image of the container. Default `caddy:2-alpine`. */
  image: z.string().min(1).optional(),
})
export type CaddyConfig = z.infer<typeof caddyConfigSchema>

export const targetKeys = ['process', 'docker'] as const
export const proxyKeys = ['embedded', 'caddy'] as const

/** What the releases of a state folder on Docker need: kept beside its store, for commands that are not told. */
export const dockerChoiceSchema = z.strictObject({
  proxy: z.enum(proxyKeys),
  docker: dockerConfigSchema,
  caddy: caddyConfigSchema,
})
export type DockerChoice = z.infer<typeof dockerChoiceSchema>
