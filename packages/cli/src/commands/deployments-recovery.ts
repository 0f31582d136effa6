import { type ExitCode, exitCodes } from '../exit-codes.js'
import { recoveryLines } from '../output/recovery.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

export const recovery: Register = (group, run) => {
  group
    .command('recovery')
    .description('what can be done after an attempt: each verb with why not, and the releases to go back to')
    .argument('<id>')
    .action(
      run((ctx, id: string) =>
        withDeployment(ctx, id, async ({ engine }): Promise<ExitCode> => {
          const found = await engine.deployments.recovery(id)
          ctx.json(found)
          for (const line of recoveryLines(found, ctx.style)) ctx.result(line)
          return exitCodes.success
        }),
      ),
    )
}
