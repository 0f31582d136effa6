import {
  AppaloftError,
  type CallOptions,
  type Command,
  type CommandResult,
  type LogLine,
  type RunningRef,
} from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { readFrames } from '../api/frames.js'
import type { Names } from '../names.js'
import { toArgv } from './body.js'
import { instancesOf } from './find.js'

/**
 * Runs a command inside the first instance that runs. The engine offers no way to end it: when aborted, it is left to itself, and ends
 * with the release at the latest.
 */
export async function exec(
  engine: Engine,
  names: Names,
  ref: RunningRef,
  command: Command,
  { signal, onLine }: CallOptions & { onLine?(line: LogLine): void } = {},
): Promise<CommandResult> {
  const found = (await instancesOf(engine, names, ref, signal)).find((one) => one.state === 'running')
  if (found === undefined) throw new AppaloftError('release-not-found', { message: 'The release does not run.' })
  const { id, output } = await engine.exec(found.id, { Cmd: toArgv(command) }, { signal })
  const lastLogs: string[] = []
  await readFrames(output, (line) => {
    lastLogs.push(line.text)
    if (lastLogs.length > 50) lastLogs.shift()
    onLine?.(line)
  })
  signal?.throwIfAborted()
  for (;;) {
    const exitCode = await engine.execExit(id, { signal })
    if (exitCode !== null) return { exitCode, signal: null, lastLogs }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
