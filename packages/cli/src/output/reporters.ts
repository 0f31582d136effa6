import type { Context } from '../context.js'
import { envelopeLine, eventLine } from './event-line.js'
import { liveReporter } from './live.js'
import { outcomeLines } from './outcome.js'
import type { Reporter } from './reporter.js'

/** Live on a terminal, plain lines elsewhere, JSON lines with `--json`, the URL alone with `--quiet`. */
export function createReporter(ctx: Context): Reporter {
  if (ctx.globals.json) return jsonReporter(ctx)
  if (ctx.globals.quiet) return quietReporter(ctx)
  const { stdout, env } = ctx.io
  return stdout.isTTY && env.TERM !== 'dumb' && !env.CI ? liveReporter(ctx) : plainReporter(ctx)
}

const jsonReporter = (ctx: Context): Reporter => ({
  accepted: () => {},
  envelope: (envelope) => ctx.json(envelope),
  note: (text) => ctx.say(text),
  finish: (deployment) => ctx.json({ kind: 'result', deployment }),
  close: () => {},
})

const quietReporter = (ctx: Context): Reporter => ({
  accepted: () => {},
  envelope: () => {},
  note: (text) => ctx.warn(text),
  finish(deployment) {
    if (deployment.status !== 'succeeded') for (const line of outcomeLines(deployment, ctx.errStyle)) ctx.warn(line)
    else for (const url of deployment.accessUrls) ctx.result(url)
  },
  close: () => {},
})

const plainReporter = (ctx: Context): Reporter => ({
  accepted: ({ id }) => ctx.say(id),
  envelope(envelope) {
    const line = envelope.kind === 'event' ? eventLine(envelope.event, ctx.style) : envelopeLine(envelope, ctx.style)
    if (line !== null && envelope.kind !== 'closed') ctx.say(line)
  },
  note: (text) => ctx.say(text),
  finish(deployment) {
    for (const line of outcomeLines(deployment, ctx.style)) ctx.say(line)
  },
  close: () => {},
})
