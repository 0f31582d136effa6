import { runAttempt } from '../attempt.js'
import { integer, text } from '../project/flags.js'
import { addRolloutFlags, type RolloutFlags, rolloutOptions, runRollout } from '../rollout.js'
import type { Register } from './register.js'
import { namedResource, withDeployment } from './resource-here.js'

interface RollbackFlags extends RolloutFlags {
  to?: string
  target?: string
  currentSecrets?: boolean
  stateVersion?: number
}

export const rollback: Register = (group, run) => {
  const command = group
    .command('rollback')
    .description('bring a former release back, without planning or building; ID is a deployment’s or a resource’s')
    .argument('<id>')
    .option('--to <release>', 'this release (default: the one live before the present one)', text)
    .option('--target <key>', 'on this target', text)
    .option('--current-secrets', 'with today’s values of secrets instead of the release’s')
    .option('--state-version <number>', 'only if nothing changed since recovery gave this number', integer)
  addRolloutFlags(command).action(
    run((ctx, id: string, flags: RollbackFlags) =>
      withDeployment(ctx, id, async (parts) => {
        const { engine } = parts
        if (!id.startsWith('dep_') && flags.target === undefined) {
          const { id: resource, live } = await namedResource(parts, id)
          const targets = Object.keys(live)
          const options = rolloutOptions(flags, targets)
          const { currentSecrets, stateVersion, to } = flags
          if (targets.length > 1)
            return runRollout(
              ctx,
              engine,
              {
                resource,
                rollback: to === undefined ? {} : { to },
                ...(currentSecrets ? { secrets: 'current' as const } : {}),
                ...(stateVersion === undefined ? {} : { stateVersion }),
              },
              options,
            )
        }
        rolloutOptions(flags, [])
        const what = id.startsWith('dep_') ? id : (await namedResource(parts, id)).id
        return runAttempt(ctx, engine, (options) =>
          engine.deployments.rollback(what, {
            ...options,
            ...(flags.to === undefined ? {} : { to: flags.to }),
            ...(flags.target === undefined ? {} : { target: flags.target }),
            ...(flags.currentSecrets ? { secrets: 'current' } : {}),
            ...(flags.stateVersion === undefined ? {} : { stateVersion: flags.stateVersion }),
          }),
        )
      }),
    ),
  )
}
