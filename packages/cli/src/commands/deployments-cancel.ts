import { type ExitCode, exitCodes } from '../exit-codes.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

export const cancel: Register = (group, run) => {
  group
    .command('cancel')
    .description('stop a running attempt, or a rollout, and undo what it did; up to the promotion')
    .argument('<id>')
    .action(
      run((ctx, id: string) =>
        withDeployment(ctx, id, async ({ engine }): Promise<ExitCode> => {
          await engine.deployments.cancel(id)
          const rollout = id.startsWith('rol_')
          ctx.json({ kind: 'cancel-requested', [rollout ? 'rolloutId' : 'deploymentId']: id })
          ctx.say(
            `${id} is being canceled; appaloft deployments ${rollout ? `show ${id}` : `events ${id} --follow`} shows it`,
          )
          return exitCodes.success
        }),
      ),
    )
}
