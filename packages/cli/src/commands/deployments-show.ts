import { type ExitCode, exitCodes } from '../exit-codes.js'
import { deploymentLines } from '../output/deployment.js'
import { tellRollout } from '../rollout.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

export const show: Register = (group, run) => {
  group
    .command('show')
    .description('one attempt with everything that is known of it; of a rollout (rol_…) what became of each target')
    .argument('<id>')
    .action(
      run((ctx, id: string) =>
        withDeployment(ctx, id, async ({ engine }): Promise<ExitCode> => {
          if (id.startsWith('rol_')) {
            const rollout = await engine.deployments.showRollout(id)
            ctx.json(rollout)
            if (!ctx.globals.json) await tellRollout(ctx, engine, rollout)
            return exitCodes.success
          }
          const deployment = await engine.deployments.show(id)
          ctx.json(deployment)
          if (!ctx.globals.json) for (const line of deploymentLines(deployment, ctx.style)) ctx.result(line)
          return exitCodes.success
        }),
      ),
    )
}
