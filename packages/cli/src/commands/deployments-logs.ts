import { integer } from '../project/flags.js'
import { pourLogs } from './follow.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

interface LogsFlags {
  tail?: number
  follow?: boolean
}

export const logs: Register = (group, run) => {
  group
    .command('logs')
    .description('the build log of an attempt, and the output of the release it runs')
    .argument('<id>')
    .option('-n, --tail <lines>', 'only the last lines', integer)
    .option('-f, --follow', 'go on as it happens')
    .action(
      run((ctx, id: string, flags: LogsFlags) =>
        withDeployment(ctx, id, ({ engine }) =>
          pourLogs(ctx, (signal) => engine.deployments.logs(id, { ...flags, signal })),
        ),
      ),
    )
}
