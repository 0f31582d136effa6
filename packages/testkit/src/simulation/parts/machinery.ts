import {
  AppaloftError,
  type BuildInput,
  type BuildResult,
  type Plan,
  type Reach,
  type RunningRef,
  type RunningState,
  type TargetCapabilities,
} from '@appaloft/core/spec'
import { behaviourOf } from '../behaviour.js'
import type { Machine } from '../machine.js'
import type { Simulation } from '../simulation.js'

export const capabilities: TargetCapabilities = {
  artifactKinds: ['image'],
  exposures: ['proxy', 'direct-port', 'none'],
  overlap: true,
  network: 'own',
  upstreamProtocols: ['http', 'tcp'],
  healthCommand: true,
  replicas: false,
  limits: false,
  volumes: true,
  binds: false,
  exec: true,
  clearEnvironment: null,
  fencing: 'compare',
}

const imageIn = ({ artifact }: Plan): string => (artifact.kind === 'image' ? artifact.image : '')

export const buildMs = (plan: Plan): number => behaviourOf(imageIn(plan)).buildsFor

export function built(machine: Machine, input: BuildInput): BuildResult {
  const image = imageIn(input.plan)
  for (const text of ['building', image]) input.log({ stream: 'stdout', text })
  if (behaviourOf(image).fails === 'build') throw new AppaloftError('build-failed')
  const build = input.noCache ? `${input.inputsDigest}:${input.deploymentId}` : input.inputsDigest
  const cached = machine.built.has(build)
  machine.built.set(build, input.resourceId)
  return { artifact: { build }, cached }
}

/** Looking at it is also what the invariants ask for: it was really seen. */
export function stateOf({ machine, scheduler }: Simulation, ref: RunningRef): RunningState {
  const thing = machine.find(ref)
  if (thing === undefined) return { state: 'absent', instances: [] }
  const { state, pid, port, exitCode, behaviour } = thing
  if (state === 'running') thing.seen.running = scheduler.steps
  const elsewhere = state === 'running' && behaviour.elsewhere ? [port + 1] : []
  const instance = {
    id: `${ref.deploymentId}.0`,
    state,
    pid,
    restarts: 0,
    expectedPort: port,
    listening: machine.listens(thing) ? [port] : elsewhere,
    ...(state === 'exited' ? { exitCode } : {}),
  }
  return { state, instances: [instance] }
}

export function reachOf(machine: Machine, ref: RunningRef): Reach {
  const thing = machine.find(ref)
  if (thing?.state !== 'running') return { probe: [], upstream: [] }
  const address = { kind: 'tcp' as const, host: thing.host, port: thing.port }
  return { probe: [address], upstream: [address] }
}
