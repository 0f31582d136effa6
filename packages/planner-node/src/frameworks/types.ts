import type { Reason } from '@appaloft/core/spec'
import type { Config, Setting } from '../reader/config.js'
import type { Manifest } from '../sources/manifest.js'

/** What becomes of an application. Directories are relative to the base directory. */
export type Mode =
  | {
      kind: 'static'
      output: string
      /** Answer unknown paths with index.html? Without it a client router among the dependencies decides. */
      spa?: boolean
      /** Where another command than the usual one builds this mode. */
      build?: Build
      /** What is left to be done once it is built. */
      package?: string[]
      /** Starts of scripts that start nothing of what is built here. */
      instead?: RegExp
    }
  | {
      kind: 'server'
      /** Its own production start, where the scripts have none. An argv, programs of dependencies by name. */
      start: string[] | null
      /** Starts of scripts that do not work here: the one above stands in for them. */
      instead?: RegExp
      /** Where the server that is started listens when nobody sets PORT; absent where only its sources tell. */
      port?: number
      /** What is missing, where there is no start at all. */
      missing?: Reason
      build?: Build
      package?: string[]
    }
  | { kind: 'blocked'; reason: Reason }
  /** The dependency is there, but it is not what is deployed here. */
  | { kind: 'other' }

/** Another build than the script `build`: the first of these scripts that there is, else the program. */
export interface Build {
  scripts?: readonly string[]
  argv: readonly string[]
}

/** What a mode is told from. Reading it leaves evidence behind. */
export interface Project {
  readonly manifest: Manifest
  readonly baseDirectory: string
  /** The version of the framework's package, as package.json writes it. */
  readonly version: string
  /** Its lowest major version; 0 where that cannot be told. */
  readonly major: number
  /** The framework's configuration. */
  readonly config: Config | null
  /** The argvs that the build script comes to, those of scripts that it calls included. */
  readonly build: readonly (readonly string[])[]
  /** The variables that the build script sets. */
  readonly variables: Readonly<Record<string, string>>
  /** A file, or with a slash at its end a directory. */
  has(path: string): Promise<boolean>
  text(path: string): Promise<string | null>
  /** The same from the source's root. */
  rootHas(path: string): Promise<boolean>
  glob(pattern: string): Promise<string[]>
  /** Another configuration file by its names without ending. */
  configOf(...names: string[]): Promise<Config | null>
  /** The version of a package among the dependencies, with evidence. */
  uses(...packages: string[]): string | undefined
  /** A setting that decides: with evidence where it is set. */
  setting(path: string, config?: Config | null): Setting
  see(file: string, signal: string, value?: string | number | boolean): void
  warn(reason: Reason): void
}

/**
 * A framework is this entry, and a function where its configuration decides how it runs. Without one it is served from `output` where it
 * has no `start`, else started.
 */
export interface Framework {
  name: string
  packages: readonly string[]
  /** Programs whose call in a script shows that it is used, and which build it. */
  programs?: readonly string[]
  /** Its program comes with no package: a script that calls it shows that it is used. */
  outside?: boolean
  /** Configuration files without their ending, or with it. */
  configs?: readonly string[]
  /** What else shows that it is used: files, or with a slash at the end directories. Empty: the dependency alone does. */
  files?: readonly string[] | 'dependency'
  build?: readonly string[]
  output?: string
  start?: readonly string[]
  /** Where its own server listens when nobody sets PORT, where that honours PORT. */
  port?: number
  /** Programs that serve what it built: no start of their own beside a static output. */
  servers?: readonly string[]
  /** A client router may answer any path. */
  router?: boolean
  mode?: (project: Project) => Mode | Promise<Mode>
}
