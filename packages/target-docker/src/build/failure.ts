import {
  AppaloftError,
  type Command,
  commandField,
  type ErrorCode,
  heapFault,
  missingProgram,
  type Plan,
} from '@appaloft/core/spec'
import type { Settings } from '../options.js'
import { type Chosen, isDiskFull, pullError, pullFaultOf } from '../registry/faults.js'
import { type Failed, notThere } from './buildx.js'
import { dockerfileFault } from './dockerfile-faults.js'
import { emptyExitCode } from './site.js'

/** Which command a stage of a generated Dockerfile runs, and how its failure is called. */
const stages: Record<string, { code: ErrorCode; command: (plan: Plan) => Command | undefined }> = {
  install: { code: 'install-failed', command: ({ commands }) => commands.install?.command },
  production: { code: 'install-failed', command: ({ commands }) => commands.install?.command },
  build: { code: 'build-failed', command: ({ commands }) => commands.build?.command },
  package: { code: 'package-failed', command: ({ commands }) => commands.package?.command },
}

/** What is wrong, by what BuildKit and the commands said. */
export function buildFailure(
  { step, lines, signs, error, exitCode }: Failed,
  plan: Plan,
  { cli, siteImage }: Pick<Settings, 'cli' | 'siteImage'>,
  platform: string | null = null,
): AppaloftError {
  const details = {
    ...(exitCode === null ? {} : { exitCode }),
    lastLogs: lines,
    ...(step === null ? {} : { step: step.slice(0, 500) }),
  }
  if (
    /cannot connect to the docker daemon|error during connect|failed to dial|connection refused.*docker\.sock/i.test(
      error,
    )
  )
    return new AppaloftError('runtime-backend-unavailable', { message: 'The Docker Engine does not answer.', details })
  if (/is not a docker command|unknown command.*buildx|unknown flag: --progress/i.test(error)) return notThere(cli)
  if (signs.diskFull || isDiskFull(error))
    return new AppaloftError('disk-full', { details: { ...details, engine: error.slice(0, 1000) } })
  if (platform !== null && [...lines, error].some((line) => /exec format error/i.test(line)))
    return new AppaloftError('unsupported-runtime-target', {
      phase: 'execute',
      message: `The engine that builds cannot run programs for ${platform}, which is what the machine that runs the release is.`,
      recoveryHint: `Set the option build of the target to 'remote', or give the engine that builds an emulator for ${platform} (binfmt with QEMU).`,
      details: { ...details, platform },
    })
  const image = imageOf(step, error)
  if (exitCode === null && image !== null)
    return pullError(pullFaultOf(error), image, error, chosen(image, plan, siteImage))
  const stage = /^\[(\w+)\s+\d+\/\d+\]/.exec(step ?? '')?.[1] ?? ''
  const known = stages[stage]
  const code = known?.code ?? 'build-failed'
  const { artifact } = plan
  if (artifact.kind === 'static-site' && stage === 'publish' && (exitCode === emptyExitCode || exitCode === null)) {
    const { publishDirectory } = artifact
    const what = exitCode === null ? 'does not exist' : 'is empty'
    return new AppaloftError('publish-directory-missing', {
      message: `The publish directory ${publishDirectory} ${what} after the build.`,
      details: { publishDirectory },
    })
  }
  const command = known?.command(plan)
  const own = plan.artifact.kind === 'dockerfile'
  const field = own ? 'runtime.dockerfilePath' : (commandField[code] ?? 'runtime.buildCommand')
  const name = command === undefined ? (step ?? 'build') : typeof command === 'string' ? command : command.join(' ')
  const missing = exitCode === null ? null : missingProgram(exitCode, lines)
  if (missing !== null)
    return new AppaloftError('command-not-found', {
      message: `The command ${missing} does not exist in the image that builds.`,
      details: { ...details, command: missing, profileField: field },
      recoveryHint: `Choose a base image that has the tool, or change ${field}.`,
    })
  if (signs.outOfMemory) {
    const { profileField, ...told } = heapFault(name.slice(0, 200))
    return new AppaloftError('out-of-memory', { ...told, details: { ...details, profileField } })
  }
  if (exitCode === 137)
    return new AppaloftError('out-of-memory', {
      message: 'A build command was killed, as happens when memory runs out.',
      recoveryHint: `Free memory on the engine’s machine, or let ${field} use less.`,
      details: { ...details, profileField: field },
    })
  if (code === 'install-failed' && signs.outOfStep !== null)
    return new AppaloftError('lockfile-out-of-step', { details: { ...details, lastLogs: signs.outOfStep } })
  if (code === 'install-failed' && signs.registry !== null)
    return new AppaloftError(code, { ...registryFaults[signs.registry], details })
  const how = exitCode === null ? `: ${error.slice(0, 500)}` : ` ended with exit code ${exitCode}.`
  const message = `${command === undefined ? 'The step' : 'The command'} ${name.slice(0, 200)}${how}`
  if (!own) return new AppaloftError(code, { message, details })
  const { profileField, ...told } = dockerfileFault({ step: step ?? '', lines, error, message })
  return new AppaloftError(code, { ...told, details: { ...details, profileField } })
}

/** What chose the image that is built on. */
function chosen(image: string, { artifact }: Plan, siteImage: string): Chosen {
  if (artifact.kind === 'dockerfile') return { profileField: 'runtime.dockerfilePath' }
  if (artifact.kind === 'compose-project') return { profileField: 'runtime.composeFiles' }
  if (artifact.kind !== 'static-site' || !sameImage(image, siteImage)) return { profileField: 'runtime.runtimeVersion' }
  return {
    profileField: null,
    recoveryHint: 'Let the option siteImage of the Docker target name one that can be pulled.',
  }
}

/** BuildKit tells the whole name: `docker.io/library/caddy:2-alpine`. */
const sameImage = (told: string, named: string) => told === named || told.endsWith(`/${named}`)

const registryFaults = {
  unreachable: {
    category: 'network' as const,
    retriable: true,
    message: 'The install could not reach the package registry from the build.',
    recoveryHint: 'Check the network of the engine’s builds, and the registry and proxy settings; then retry.',
  },
  refused: {
    category: 'credentials' as const,
    message: 'The package registry did not let the install in.',
    recoveryHint: 'Give the build valid credentials for the registry, as a secret variable of build scope.',
  },
}

/** The image whose pull or look-up failed. */
function imageOf(step: string | null, error: string): string | null {
  const named =
    /load metadata for (\S+)/.exec(step ?? '')?.[1] ?? /(?:FROM|pull(?:ing)?) (\S+@sha256\S+|\S+)/.exec(step ?? '')?.[1]
  if (named !== undefined) return named
  return /failed to solve: (\S+?): (?:failed to|pull access|.*not found)/.exec(error)?.[1] ?? null
}
