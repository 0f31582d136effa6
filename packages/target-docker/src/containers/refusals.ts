import { AppaloftError, type Plan } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import { isDiskFull } from '../registry/faults.js'

/** Somebody else listens on the port of the machine. */
export const isPortTaken = (error: unknown): boolean =>
  error instanceof EngineError &&
  /port is already allocated|address already in use|ports are not available/i.test(error.message)

const causes: readonly [sign: RegExp, told: (first: string, plan: Plan) => { message: string; field: string }][] = [
  [
    /exec format error/i,
    (first) => ({
      message: `The program ${first} was built for another kind of processor, or is a script without a first line that names its interpreter.`,
      field: 'runtime.startCommand',
    }),
  ],
  [
    /permission denied/i,
    (first) => ({
      message: `The program ${first} may not be executed: it lacks the permission.`,
      field: 'runtime.startCommand',
    }),
  ],
  [
    /executable file not found|no such file or directory.*: unknown|stat .*: no such file/i,
    (first) => ({ message: `The image holds no program ${first}.`, field: 'runtime.startCommand' }),
  ],
  [
    /port is already allocated|address already in use|ports are not available/i,
    (_, { network }) => ({
      message: `The port ${network.hostPort} of the machine is taken by something else.`,
      field: 'network.hostPort',
    }),
  ],
  [
    /bind source path does not exist|invalid mount config/i,
    () => ({ message: 'A bind names a path that the machine does not have.', field: 'binds' }),
  ],
  [
    /minimum memory limit|range of cpus|nano_?cpus|memory limit/i,
    () => ({ message: 'The engine refuses the limits.', field: 'runtime.resources' }),
  ],
]

/** Why the engine did not start it, with the setting to change. */
export function notStarted(error: unknown, plan: Plan, first: string, commandField = 'runtime.startCommand'): unknown {
  // A full disk is no fault of the release's settings.
  if (!(error instanceof EngineError) || isDiskFull(error.message)) return error
  const told = causes.find(([sign]) => sign.test(error.message))?.[1](first, plan)
  const field = told === undefined || told.field === 'runtime.startCommand' ? commandField : told.field
  return new AppaloftError('start-failed', {
    message: told?.message ?? `The engine did not start the release: ${error.message}`,
    details: { profileField: field, engine: error.message },
    recoveryHint: `Change ${field}, then deploy again.`,
    cause: error,
  })
}
