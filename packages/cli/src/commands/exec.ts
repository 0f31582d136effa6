import { constants } from 'node:os'
import { withEngineHere } from '../engine.js'
import { exitCodeOfSignal, type StopSignal } from '../io/signals.js'
import { text } from '../project/flags.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

export const exec: Register = (program, run) => {
  program
    .command('exec')
    .description('run a command inside the live release; its exit code is this one’s')
    .argument('<resource>')
    .argument('<command...>', 'after --, so that its flags are its own')
    .option('--target <key>', 'the target to ask', text)
    .action(
      run((ctx, name: string, command: string[], flags: { target?: string }) =>
        withEngineHere(ctx, async (parts) => {
          const { engine } = parts
          const { id } = await namedResource(parts, name)
          const abort = new AbortController()
          let stopped: StopSignal | undefined
          const release = ctx.io.signals.hold((signal) => {
            stopped = signal
            abort.abort()
          })
          try {
            const result = await engine.resources.exec(id, command, {
              ...flags,
              signal: abort.signal,
              onLine(line) {
                ctx.json({ kind: 'line', ...line })
                if (!ctx.globals.json) ctx.io[line.stream].write(`${line.text}\n`)
              },
            })
            ctx.json({ kind: 'result', result })
            return result.exitCode ?? 128 + (constants.signals[result.signal as NodeJS.Signals] ?? 0)
          } catch (error) {
            if (stopped !== undefined) return exitCodeOfSignal(stopped)
            throw error
          } finally {
            release()
          }
        }),
      ),
    )
}
