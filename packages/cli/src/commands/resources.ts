import type { ResourceRecord } from '@appaloft/core/spec'
import type { Context } from '../context.js'
import { withEngineHere } from '../engine.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { clean, table } from '../output/text.js'
import { placeOf } from '../project/source.js'
import type { Register } from './register.js'

export const resources: Register = (program, run) => {
  program
    .command('resources')
    .description('what is defined')
    .command('list')
    .description('the resources, with what is live of each')
    .action(run(list))
}

const list = (ctx: Context): Promise<ExitCode> =>
  withEngineHere(ctx, async ({ engine }) => {
    const found = await engine.resources.list()
    for (const resource of found) ctx.json({ kind: 'resource', resource })
    if (found.length === 0) ctx.say('No resource is defined yet. appaloft up deploys the first one.')
    else if (ctx.globals.quiet) for (const { id } of found) ctx.result(id)
    else for (const line of table([['ID', 'LIVE', 'SOURCE'], ...found.map(row)])) ctx.result(line)
    return exitCodes.success
  })

const row = ({ id, live, definition }: ResourceRecord): string[] => [
  id,
  Object.entries(live)
    .map(([target, ref]) => `${ref.deploymentId} (${target})`)
    .join(', ') || '-',
  clean(placeOf(definition.source)).trim(),
]
