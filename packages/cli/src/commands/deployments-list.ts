import type { Status } from '@appaloft/core/spec'
import type { Context } from '../context.js'
import { withEngineHere } from '../engine.js'
import { usageError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { statusText } from '../output/deployment.js'
import { table } from '../output/text.js'
import { collect, integer, text } from '../project/flags.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

interface ListFlags {
  resource?: string
  status?: string[]
  limit?: number
  cursor?: string
}

export const list: Register = (group, run) => {
  group
    .command('list')
    .description('the attempts, newest first')
    .option('--resource <id>', 'of this resource', text)
    .option('--status <status>', 'with this status (repeatable)', collect)
    .option('-n, --limit <count>', 'at most so many (default 50)', integer)
    .option('--cursor <cursor>', 'go on after a former page', text)
    .action(run(print))
}

async function print(ctx: Context, flags: ListFlags): Promise<ExitCode> {
  const { statusSchema } = await import('@appaloft/core/spec')
  for (const status of flags.status ?? []) {
    if (!statusSchema.safeParse(status).success) {
      throw usageError(`There is no status ${status}.`, `It is one of ${statusSchema.options.join(', ')}.`)
    }
  }
  return withEngineHere(ctx, async (parts) => {
    const { engine } = parts
    const resource = flags.resource === undefined ? undefined : await namedResource(parts, flags.resource)
    const page = await engine.deployments.list({
      ...(resource === undefined ? {} : { resourceId: resource.id }),
      ...(flags.status === undefined ? {} : { statuses: flags.status as Status[] }),
      ...(flags.limit === undefined ? {} : { limit: flags.limit }),
      ...(flags.cursor === undefined ? {} : { cursor: flags.cursor }),
    })
    for (const deployment of page.items) ctx.json({ kind: 'deployment', deployment })
    if (page.items.length === 0) ctx.say('No deployments.')
    else if (ctx.globals.quiet) for (const { id } of page.items) ctx.result(id)
    else {
      const rows = page.items.map(({ id, resourceId, target, status, trigger, createdAt, failure }) => [
        id,
        resourceId,
        target,
        statusText(status, ctx.style),
        trigger,
        createdAt,
        failure?.code ?? '',
      ])
      for (const line of table([['ID', 'RESOURCE', 'TARGET', 'STATUS', 'TRIGGER', 'CREATED', ''], ...rows]))
        ctx.result(line)
    }
    if (page.cursor !== null) {
      ctx.json({ kind: 'next', cursor: page.cursor })
      ctx.say(`more with --cursor ${page.cursor}`)
    }
    return exitCodes.success
  })
}
