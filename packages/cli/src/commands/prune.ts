import { withEngineHere } from '../engine.js'
import { usageError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { clean } from '../output/text.js'
import { integer, text } from '../project/flags.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

interface PruneFlags {
  keep?: number
  history?: number
  resource?: string
}

export const prune: Register = (program, run) => {
  program
    .command('prune')
    .description('remove releases beyond retention now, and the events of attempts long ended')
    .option('--keep <count>', 'how many successful releases to keep, the live one included', integer)
    .option(
      '--history <count>',
      'of how many ended attempts of each resource to keep the events (default 100)',
      integer,
    )
    .option('--resource <id>', 'of this resource alone', text)
    .action(
      run((ctx, flags: PruneFlags) =>
        withEngineHere(ctx, async (parts): Promise<ExitCode> => {
          const { engine } = parts
          if (flags.keep === 0) throw usageError('--keep is at least 1: the live release stays.')
          const resource = flags.resource === undefined ? undefined : await namedResource(parts, flags.resource)
          const report = await engine.prune({
            ...(flags.keep === undefined ? {} : { keep: flags.keep }),
            ...(flags.history === undefined ? {} : { history: flags.history }),
            ...(resource === undefined ? {} : { resourceId: resource.id }),
          })
          ctx.json({ kind: 'prune', report })
          if (report.releases.length === 0 && report.events === 0) ctx.say('Nothing to remove.')
          for (const id of report.releases) ctx.say(`removed ${id}`)
          if (report.events > 0) ctx.say(`forgot ${report.events} events of attempts long ended`)
          for (const { releaseId, reason } of report.kept) ctx.say(`kept ${releaseId}: ${clean(reason)}`)
          return exitCodes.success
        }),
      ),
    )
}
