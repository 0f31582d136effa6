import type { Appaloft, JsonObject, Store, Target } from '@appaloft/core/spec'
import type { CompositionConfig } from './config/define.js'
import type { DetachAnswer, Job } from './detach.js'
import type { Io } from './io/io.js'
import type { Style } from './output/style.js'
import type { Machine } from './service/machine.js'
import type { TargetPart } from './targets/part.js'

/** Flags that every command takes. */
export interface Globals {
  json?: boolean
  quiet?: boolean
  /** False with `--no-color`. */
  color?: boolean
  config?: string
  stateDir?: string
}

/** The parts that a command works with, and the end of them. */
export interface Composed {
  engine: Appaloft
  store: Store
  targets: readonly Target[]
  stateDir: string
  /** Those targets that run containers, where the command itself composes them. */
  parts?: readonly TargetPart[]
  /** Keys of the machines behind SSH that are asked for, in their order. */
  machines?: readonly string[]
}

/** What the command line needs of its surroundings. Tests give their own. */
export interface Deps {
  io: Io
  /** Makes the engine from the configuration, or the default one. */
  compose(settings: { stateDir: string; composition: CompositionConfig }): Promise<Composed>
  /** Runs an attempt in a process of its own; answers when it is recorded. */
  detach(job: Job): Promise<DetachAnswer>
  /** The folder that is used where neither flag nor configuration names one. */
  defaultStateDir(): string
  machine: Machine
}

export interface Context {
  readonly io: Io
  readonly deps: Deps
  readonly globals: Globals
  /** Of stdout and stderr. */
  readonly style: Style
  readonly errStyle: Style
  /** A line for people: to stdout, or to stderr with `--json`; nothing with `--quiet`. */
  say(line?: string): void
  /** A line for people that is shown in every mode, on stderr. */
  warn(line: string): void
  /** The command's result as text, also with `--quiet`. Nothing with `--json`. */
  result(line: string): void
  /** One JSON document as one line on stdout. Only with `--json`. */
  json(document: JsonObject | object): void
}
