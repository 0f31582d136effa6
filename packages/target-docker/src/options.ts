import type { Credentials, Proxy, ProxyContext } from '@appaloft/core/spec'
import type { BuildOption, BuildPlace } from './builder/options.js'

export interface DockerOptions {
  /** What routes to the releases. Default: none, and exposure `proxy` is not offered. */
  proxy?: Proxy | null
  /** Unique among the targets of an engine. Default `docker`. */
  key?: string
  /**
   * Where the engine listens: `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2375`. Default: as the `docker` command finds it (`DOCKER_HOST`,
   * `DOCKER_CONTEXT`, the current context of the Docker configuration, the usual socket). As a function: asked when it is first needed, and
   * the engine is another machine's, whose disk and processes cannot be looked at from here.
   */
  host?: string | (() => Promise<string>)
  /** Asked where the engine does not answer: the error that tells why. Null: nothing is known beside that. */
  unanswered?: () => Promise<Error | null>
  /** The name of a Docker context, where `host` is not given. */
  context?: string
  /**
   * Where images are made. `remote` (default): on the engine that runs the releases. `local`: on the engine that the `docker` command of this machine
   * finds, images without a build are pulled there too, and the layers that the other engine lacks are sent to it. With `registry`, a repository such as
   * `registry.example.com/team/releases`, what is built is pushed there and pulled from there instead. `host` or `context` name the engine that builds.
   */
  build?: BuildOption
  /** The `docker` command, which builds. Default `docker`, from the PATH. */
  cli?: string
  /**
   * Sets what is ours apart from what another host application with the same resource ids runs on this engine. Small letters, digits and
   * dashes, at most 20. Default `main`.
   */
  scope?: string
  /**
   * When an image is pulled. `newer` (default): asks the registry, and takes what is there already where the registry does not answer or knows no such
   * image; `always`: fails there; `missing`: asks only for what is not there; `never`.
   */
  pull?: PullPolicy
  /** Asked for each registry before the Docker configuration is. */
  credentials?: Pick<Credentials, 'registry'>
  /**
   * How a release gets its secret variables. `environment` (default): like the others; whoever may use the engine can read them. `files`: as files
   * `/run/secrets/NAME` of mode 0400 in the container, named by the variable `NAME_FILE`.
   */
  secrets?: 'environment' | 'files'
  /** Which image a workspace is built and run on. Default: `node:VERSION-slim`, and likewise for other languages. */
  baseImage?: (runtime: { family: string; version: string }) => string
  /** The image that serves static sites; it must hold Caddy 2. Default `caddy:2-alpine`. */
  siteImage?: string
  /** The ports of the machine's loopback at which releases are published. Default 20000 to 32767, below those that systems give away by themselves. */
  ports?: { from: number; to: number }
  /** The size at which a release's log is rotated, in bytes, and how many of them are kept. Default 10 MiB, 3. */
  logs?: { bytes?: number; files?: number }
  /**
   * Does the engine keep what there is to know of the releases, as labels of empty volumes, so that whoever reaches it with an empty store finds them? Every
   * store with this scope then knows the same resources. Default false; of `ssh()`, true.
   */
  records?: boolean
  /** Where the proxy keeps its things, and how its process is started where it has one, by the engine's state folder. */
  proxyContext?: (stateDir: string) => ProxyContext
}

export type PullPolicy = 'always' | 'newer' | 'missing' | 'never'

/** With every default in place. */
export interface Settings {
  cli: string
  build: BuildPlace
  scope: string
  pull: PullPolicy
  credentials: Pick<Credentials, 'registry'>
  secrets: 'environment' | 'files'
  baseImage: (runtime: { family: string; version: string }) => string
  siteImage: string
  ports: { from: number; to: number }
  logBytes: number
  logFiles: number
  records: boolean
}

export const scopePattern = /^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/
