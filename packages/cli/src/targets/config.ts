import { z } from 'zod'
import { proxyKeys } from './keys.js'

const ofContainers = {
  /** The `docker` command of this machine, which builds. Default `docker`, from the PATH. */
  cli: z.string().min(1).optional(),
  /** Sets what is ours apart from what another state folder with the same resources runs on this engine. Default `main`. */
  scope: z.string().min(1).optional(),
  /** When an image is pulled. Default `newer`. */
  pull: z.enum(['always', 'newer', 'missing', 'never']).optional(),
  /** How releases get their secrets. Default `environment`. */
  secrets: z.enum(['environment', 'files']).optional(),
  /** The image that serves static sites. Default `caddy:2-alpine`. */
  siteImage: z.string().min(1).optional(),
  /**
   * Where images are made: `remote` (default) on the engine that runs the releases, `local` on that of this machine, or an object with `registry` to
   * push them to, and with `host` or `context` of the engine that builds.
   */
  build: z
    .union([
      z.enum(['remote', 'local']),
      z.strictObject({
        registry: z.string().min(1).optional(),
        host: z.string().min(1).optional(),
        context: z.string().min(1).optional(),
      }),
    ])
    .optional(),
}

/** How the Docker Engine is used. Everything has a default; a program that needs more composes `targets` itself. */
export const dockerConfigSchema = z.strictObject({
  /** Where the engine listens. Default: as the `docker` command finds it. */
  host: z.string().min(1).optional(),
  /** The name of a Docker context, where `host` is not given. */
  context: z.string().min(1).optional(),
  ...ofContainers,
})
export type DockerConfig = z.infer<typeof dockerConfigSchema>

/** The machines behind SSH. How each is reached is said by ~/.ssh/config, as for `ssh` itself; what is given here comes before it. */
export const sshConfigSchema = z
  .strictObject({
    /** `USER@HOST`, or a `Host` of the ssh configuration. */
    destination: z.string().min(1).optional(),
    /** Several of them, in the order in which they are deployed to. Not beside `destination`. */
    hosts: z.array(z.string().min(1)).min(1).optional(),
    /** Default: what the ssh configuration says, else 22. */
    port: z.int().min(1).max(65_535).optional(),
    /** Relative to this file; `~/` is this user's home folder. */
    identityFile: z.string().min(1).optional(),
    /** In place of ~/.ssh/config. */
    configFile: z.string().min(1).optional(),
    /** Which host keys are trusted. Default: known_hosts; a host that is in none is refused. `accept-new` writes the key of a new one there. */
    knownHosts: z
      .union([
        z.literal('accept-new'),
        z.strictObject({ keys: z.array(z.string().min(1)).min(1) }),
        z.strictObject({ file: z.string().min(1) }),
      ])
      .optional(),
    /** Until a first command can run there, in seconds. Default 30. */
    connectTimeoutSeconds: z.number().positive().max(3600).optional(),
    /** Where Docker Engine listens there. Default `/var/run/docker.sock`. */
    socket: z.string().min(1).optional(),
    /** The machine as its users name it, for the URLs of direct ports. Default: the host of `destination`. */
    address: z.string().min(1).optional(),
    ...ofContainers,
  })
  .refine(({ destination, hosts }) => destination === undefined || hosts === undefined, {
    path: ['hosts'],
    message: 'not beside destination',
  })
export type SshConfig = z.infer<typeof sshConfigSchema>

/** How Caddy is used. Without `admin` one is run as a container of ours. */
export const caddyConfigSchema = z.strictObject({
  /** The admin API of a Caddy that runs already: `http://127.0.0.1:2019`, `unix//run/caddy/admin.sock`. It is used, never started or stopped. */
  admin: z.string().min(1).optional(),
  /** The name under which that Caddy knows its admin API, where the way there goes through a forward. */
  adminHost: z.string().min(1).optional(),
  /**
   * The folder of the markers, which Caddy reads. Absolute. Default: below the state folder. On a machine behind SSH: a folder there; where
   * Caddy is a container of ours, of all that it keeps, by default `~/.local/state/appaloft/caddy`, and `/var/lib/appaloft/caddy` for root.
   */
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

/** What the releases of a state folder on Docker need: kept beside its store, for commands that are not told. */
export const dockerChoiceSchema = z.strictObject({
  proxy: z.enum(proxyKeys),
  docker: dockerConfigSchema,
  caddy: caddyConfigSchema,
})
export type DockerChoice = z.infer<typeof dockerChoiceSchema>

/** The same of one machine behind SSH. */
export const machineChoiceSchema = z.strictObject({
  ssh: z.strictObject({ ...sshConfigSchema.shape, destination: z.string().min(1), hosts: z.undefined().optional() }),
  caddy: caddyConfigSchema,
})
export type MachineChoice = z.infer<typeof machineChoiceSchema>
