import type { Instruction } from './instructions.js'
import type { Line } from './lines.js'
import type { Ports } from './ports.js'
import type { Scope } from './scope.js'

/** A CMD or ENTRYPOINT. */
export interface Start {
  line: number
  instruction: 'CMD' | 'ENTRYPOINT'
  /** What stands behind the instruction. */
  text: string
  /** The exec form; null for what a shell runs. */
  argv: string[] | null
}

export interface Exposed {
  line: number
  text: string
  ports: Ports[]
  /** Names without a value that it uses; of which only the build knows the value, with `unknown`. */
  unset: string[]
  unknown: boolean
}

export interface Fact {
  line: number
  text: string
}

/** What a stage hands on to those that are built on it, and at last to the image. */
export interface Image {
  /** Where its first stage comes from: `scratch`, a reference, null where only the build knows. */
  base: string | null
  /** ARG and ENV. */
  scope: Scope
  /** ENV alone. */
  environment: Scope
  exposed: Exposed[]
  entrypoint: Start | null
  cmd: Start | null
  /** CMD was set by this stage, and is not handed on to it. */
  cmdIsOwn: boolean
  healthcheck: (Fact & { flags: Instruction['flags'] }) | null
  user: Fact | null
  stopSignal: Fact | null
  /** What stages built on this one run first; read only there. */
  onbuild: Line[]
}

export const emptyImage = (base: string | null): Image => ({
  base,
  scope: new Map(),
  environment: new Map(),
  exposed: [],
  entrypoint: null,
  cmd: null,
  cmdIsOwn: false,
  healthcheck: null,
  user: null,
  stopSignal: null,
  onbuild: [],
})

/** A copy that a stage may change; triggers are not handed on. */
export const childOf = (image: Image): Image => ({
  ...image,
  scope: new Map(image.scope),
  environment: new Map(image.environment),
  exposed: [...image.exposed],
  cmdIsOwn: false,
  onbuild: [],
})

export const allPorts = (image: Image): Ports[] => image.exposed.flatMap(({ ports }) => ports)
