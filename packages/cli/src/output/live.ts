import type { Context } from '../context.js'
import { hideCursor, showCursor } from './ansi.js'
import { warningCode } from './event-line.js'
import { Frame } from './frame.js'
import { outcomeLines } from './outcome.js'
import { advance, type PhaseProgress, startProgress } from './progress.js'
import type { Reporter } from './reporter.js'
import type { Style } from './style.js'
import { clean, cut, duration, pad } from './text.js'

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** Phases as lines that change in place, the last lines of output below them; what must stay is printed above. */
export function liveReporter(ctx: Context): Reporter {
  const { stdout } = ctx.io
  const { style } = ctx
  const frame = new Frame(stdout)
  const progress = startProgress()
  let note = ''
  let tick = 0
  let closed = false

  const render = () => {
    const columns = stdout.columns
    const lines = progress.phases
      .filter((entry) => entry.phase !== 'rollback' || entry.state !== 'waiting')
      .flatMap((entry) => [
        phaseLine(entry, tick, columns, style),
        ...(entry.state === 'running' ? progress.logs.map((log) => style.dim(cut(`    │ ${log}`, columns - 1))) : []),
      ])
    if (note !== '') lines.push(style.yellow(cut(note, columns - 1)))
    frame.draw(lines.slice(-(stdout.rows - 1)))
  }
  stdout.write(hideCursor)
  const timer = setInterval(() => {
    tick += 1
    render()
  }, 80)
  // The picture alone must not keep the process alive.
  timer.unref()
  const close = () => {
    if (closed) return
    closed = true
    clearInterval(timer)
    stdout.write(showCursor)
  }

  return {
    accepted({ id }) {
      frame.above([style.dim(id)])
      render()
    },
    envelope(envelope) {
      if (envelope.kind !== 'event') return
      const { event } = envelope
      advance(progress, event)
      if (event.type === 'warning') {
        const text = `${warningCode(event)}${clean(event.message ?? '')}`
        frame.above([style.yellow(`⚠ ${text}`)])
      }
      // Lines of output may come by thousands: the timer draws them.
      if (event.type !== 'log') render()
    },
    note(text) {
      note = text
      render()
    },
    finish(deployment) {
      note = ''
      progress.logs = []
      render()
      frame.keep()
      for (const line of outcomeLines(deployment, style)) stdout.write(`${line}\n`)
      close()
    },
    close() {
      if (!closed) frame.keep()
      close()
    },
  }
}

function phaseLine(entry: PhaseProgress, tick: number, columns: number, style: Style): string {
  const mark = {
    waiting: style.dim('○'),
    running: style.cyan(spinner[tick % spinner.length] as string),
    done: style.green('✔'),
    failed: style.red('✖'),
  }[entry.state]
  const { startedAt, endedAt } = entry
  const passed = startedAt === undefined ? undefined : (endedAt ?? Date.now()) - startedAt
  const time = passed === undefined ? '' : duration(Math.max(0, passed))
  const name = pad(entry.phase, 8)
  const detail = cut(entry.detail, Math.max(0, columns - 24))
  const words = `${pad(time, 9)} ${detail}`.trimEnd()
  return `${mark} ${entry.state === 'waiting' ? style.dim(name) : style.bold(name)}  ${style.dim(words)}`.trimEnd()
}
