import { exitCodeOf } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { envelopeLine, eventLine } from '../output/event-line.js'
import { integer, text } from '../project/flags.js'
import { pour } from './follow.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

interface EventsFlags {
  follow?: boolean
  cursor?: string
  heartbeat?: number
  idleTimeout?: number
}

export const events: Register = (group, run) => {
  group
    .command('events')
    .description('the events of an attempt, from the beginning or after a cursor; from any shell')
    .argument('<id>')
    .option('-f, --follow', 'go on as they happen, to the end of the attempt')
    .option('--cursor <cursor>', 'only what came after it', text)
    .option('--heartbeat <seconds>', 'a sign of life while nothing happens; 0: none (default 15)', integer)
    .option('--idle-timeout <seconds>', 'stop after so many seconds without an event', integer)
    .action(
      run((ctx, id: string, flags: EventsFlags) =>
        withDeployment(ctx, id, async ({ engine }): Promise<ExitCode> => {
          let code: ExitCode = exitCodes.success
          await pour(
            ctx,
            (signal) =>
              engine.deployments.events(id, {
                signal,
                ...(flags.follow ? { follow: true } : {}),
                ...(flags.cursor === undefined ? {} : { cursor: flags.cursor }),
                ...(flags.heartbeat === undefined ? {} : { heartbeatSeconds: flags.heartbeat }),
                ...(flags.idleTimeout === undefined ? {} : { idleTimeoutSeconds: flags.idleTimeout }),
              }),
            (envelope) => {
              ctx.json(envelope)
              if (envelope.kind === 'error') code = exitCodeOf(envelope.error)
              const line =
                envelope.kind === 'event' ? eventLine(envelope.event, ctx.style) : envelopeLine(envelope, ctx.style)
              if (line !== null) ctx.result(line)
            },
          )
          return code
        }),
      ),
    )
}
