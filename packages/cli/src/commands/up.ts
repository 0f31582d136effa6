import type { DeployRequest, RolloutRequest, Store } from '@appaloft/core/spec'
import { runAttempt } from '../attempt.js'
import type { Context } from '../context.js'
import { stateDirOf, withEngine } from '../engine.js'
import { CliError, exitCodeOf, usageError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { addProfileFlags, type ProfileFlags, text } from '../project/flags.js'
import { loadProject, type Project, selectResources } from '../project/project.js'
import { addRolloutFlags, type RolloutFlags, rolloutOptions, runRollout } from '../rollout.js'
import { addTargetFlags, givenTargetFlags, type TargetFlags, withTargetFlags } from '../targets/choice.js'
import type { Register } from './register.js'

interface UpFlags extends ProfileFlags, TargetFlags, RolloutFlags {
  resource?: string
  ref?: string
  force?: boolean
  fingerprint?: string
  idempotencyKey?: string
  detach?: boolean
}

export const up: Register = (program, run) => {
  const command = program
    .command('up')
    .alias('deploy')
    .description(
      'deploy PATH: a folder (default: this one), a .zip or .tar.gz file, a Compose file, a git URL with an optional #ref, or an image as docker://NAME',
    )
    .argument('[path]')
    .option('--resource <id>', 'the resource to deploy, by id or by its name in the configuration', text)
  addRolloutFlags(addTargetFlags(command, 'deploy to'))
    .option('--ref <ref>', 'the branch, tag or commit of a git URL', text)
    .option('--detach', 'print the deployment’s id and let it run in a process of its own')
    .option('--force', 'without any cache')
    .option('--fingerprint <fingerprint>', 'only what this preview showed', text)
    .option('--idempotency-key <key>', 'the same key for the same resource gives the same attempt', text)
  addProfileFlags(command).action(run(deploy))
}

async function deploy(ctx: Context, path: string | undefined, flags: UpFlags): Promise<ExitCode> {
  const project = await loadProject({ path, ref: flags.ref, config: ctx.globals.config }, ctx.io)
  return withEngine(ctx, withTargetFlags(project.composition, flags), async ({ engine, store, machines = [] }) => {
    const definitions = await selectResources(project, flags, ctx.io, (id) => store.getResource(id))
    if (definitions.length > 1 && (flags.fingerprint ?? flags.idempotencyKey) !== undefined) {
      throw usageError('--fingerprint and --idempotency-key go with one resource: choose it with --resource.')
    }
    // One after the other: what comes later may lean on what came before, and does not start when that failed.
    for (const definition of definitions) {
      const targets = await targetsOf(definition.id, machines, flags, store)
      const together = rolloutOptions(flags, targets)
      const several = targets.length > 1
      for (const flag of ['detach', 'fingerprint', 'idempotencyKey'] as const)
        if (several && flags[flag] !== undefined)
          throw usageError(`--${dashed(flag)} goes with one machine, and there are ${targets.length}.`)
      const request: DeployRequest = {
        resource: definition,
        ...(flags.target === undefined ? {} : { target: flags.target }),
        ...(flags.force ? { force: true } : {}),
        ...(flags.fingerprint === undefined ? {} : { fingerprint: flags.fingerprint }),
        ...(flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey }),
      }
      const code = flags.detach
        ? await detach(ctx, project, flags, request)
        : several
          ? await runRollout(ctx, engine, rolloutOf(request), together)
          : await runAttempt(ctx, engine, (options) => engine.deployments.create(request, options))
      if (code !== exitCodes.success) return code
      // This one was promoted before the signal came; the next one is not begun.
      if (ctx.io.signals.stopped !== undefined) break
    }
    return exitCodes.success
  })
}

/** Where it goes to: the machines that are asked for, else, where it is live on several, all of them. */
async function targetsOf(id: string, asked: readonly string[], { target }: UpFlags, store: Store) {
  if (asked.length > 0 || target !== undefined) return asked
  return Object.keys((await store.getResource(id))?.live ?? {})
}

const dashed = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const rolloutOf = ({ resource, force }: DeployRequest): RolloutRequest => ({ resource, ...(force ? { force } : {}) })

async function detach(ctx: Context, project: Project, flags: TargetFlags, request: DeployRequest): Promise<ExitCode> {
  const targets = givenTargetFlags(flags)
  const answer = await ctx.deps.detach({
    stateDir: stateDirOf(ctx, project.composition),
    configFile: project.configFile,
    ...(Object.keys(targets).length === 0 ? {} : { targets }),
    request,
  })
  if ('error' in answer) {
    const { error } = answer
    throw new CliError(error.code, error.message, {
      hint: error.recoveryHint,
      details: error.details,
      category: error.category,
      exitCode: exitCodeOf(error),
    })
  }
  const { deploymentId } = answer
  ctx.json({ kind: 'accepted', deploymentId })
  ctx.result(deploymentId)
  return exitCodes.success
}
