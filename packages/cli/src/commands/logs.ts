import { withEngineHere } from '../engine.js'
import { integer, text } from '../project/flags.js'
import { pourLogs } from './follow.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

interface LogsFlags {
  tail?: number
  follow?: boolean
  target?: string
}

export const logs: Register = (program, run) => {
  program
    .command('logs')
    .description('the build log of a resource’s live release, and its output')
    .argument('<resource>')
    .option('-n, --tail <lines>', 'only the last lines', integer)
    .option('-f, --follow', 'go on as it happens')
    .option('--target <key>', 'the target to ask', text)
    .action(
      run((ctx, name: string, flags: LogsFlags) =>
        withEngineHere(ctx, async (parts) => {
          const { engine } = parts
          const { id } = await namedResource(parts, name)
          return pourLogs(ctx, (signal) => engine.resources.logs(id, { ...flags, signal }))
        }),
      ),
    )
}
