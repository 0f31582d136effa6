import type { DeployRequest, RolloutRequest } from '@appaloft/core/spec'
import { runAttempt } from '../attempt.js'
import type { Context } from '../context.js'
import type { Work } from '../detach.js'
import { stateDirOf, withEngine } from '../engine.js'
import { CliError, exitCodeOf, usageError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { addProfileFlags, type ProfileFlags, text } from '../project/flags.js'
import { loadProject, type Project, selectResources } from '../project/project.js'
import { addRolloutFlags, type RolloutFlags, rolloutOptions, runRollout, targetsOf } from '../rollout.js'
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
    .option('--detach', 'print the id of the deployment, or of the rollout, and let it run in a process of its own')
    .option('--force', 'without any cache')
    .option(
      '--fingerprint <fingerprint>',
      'only what this preview showed, of several machines that of their plan',
      text,
    )
    .option('--idempotency-key <key>', 'the same key for the same resource gives the same attempt, or rollout', text)
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
      const targets = await targetsOf(definition.id, machines, flags.target, store)
      const together = rolloutOptions(flags, targets)
      const several = targets.length > 1
      const request: DeployRequest = {
        resource: definition,
        ...(flags.target === undefined ? {} : { target: flags.target }),
        ...(flags.force ? { force: true } : {}),
        ...(flags.fingerprint === undefined ? {} : { fingerprint: flags.fingerprint }),
        ...(flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey }),
      }
      const code = flags.detach
        ? await detach(ctx, project, flags, several ? { rollout: rolloutOf(request), options: together } : { request })
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

const rolloutOf = ({ target: _, ...request }: DeployRequest): RolloutRequest => request

async function detach(ctx: Context, project: Project, flags: TargetFlags, work: Work): Promise<ExitCode> {
  const targets = givenTargetFlags(flags)
  const answer = await ctx.deps.detach({
    stateDir: stateDirOf(ctx, project.composition),
    configFile: project.configFile,
    ...(Object.keys(targets).length === 0 ? {} : { targets }),
    ...work,
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
  ctx.json({ kind: 'accepted', ...answer })
  ctx.result('rolloutId' in answer ? answer.rolloutId : answer.deploymentId)
  return exitCodes.success
}
