import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError } from '../spec/errors.js'
import type { HostExecOptions, HostExecResult } from '../spec/host.js'
import type { JsonObject } from '../spec/json.js'
import { Lines, Tail } from './output.js'
import { endGroup, type Group, groupOf, killGroup } from './processGroup.js'
import { findProgram } from './programs.js'

export interface Running {
  /** Ends it as an abort does; the call then fails with this reason. */
  end(reason: unknown): void
  /** At once, without asking. */
  kill(): void
  /** Never rejects. */
  ended: Promise<unknown>
}

export interface RunOptions {
  graceMs: number
  began(running: Running): void
}

const defaultBufferBytes = 1024 * 1024
/** Milliseconds for the output of a command that has ended: a process which left its group may hold the pipes open for good. */
const drainMs = 2_000
const longestTimer = 2 ** 31 - 1

export async function run(
  argv: readonly [string, ...string[]],
  options: HostExecOptions,
  { graceMs, began }: RunOptions,
): Promise<HostExecResult> {
  const [name, ...args] = argv
  const { cwd, env = {}, input, signal, timeoutMs, onLine, maxBufferBytes = defaultBufferBytes } = options
  if ([...argv, cwd ?? '', ...Object.entries(env).flat()].some((text) => text.includes('\0'))) throw badArguments(name)
  if (cwd !== undefined && statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) throw noFolder(name)
  const program = findProgram(name, env.PATH)
  if (program === null) throw notFound(name)
  const { execa } = await import('execa')
  signal?.throwIfAborted()
  const child = execa(program, args, {
    argv0: name,
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...env },
    extendEnv: false,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    encoding: 'buffer',
    buffer: false,
    detached: true,
    cleanup: false,
    reject: false,
  })
  const group: Group | null = child.pid === undefined ? null : groupOf(child.pid)

  let stopped: { reason: unknown } | undefined
  let ending: Promise<void> | undefined
  const end = (ms: number) => {
    ending ??= group === null ? Promise.resolve() : endGroup(group, ms)
    return ending
  }
  const stop = (reason: unknown) => {
    stopped ??= { reason }
    void end(graceMs)
  }

  const streams = (['stdout', 'stderr'] as const).map((stream) => {
    const tail = new Tail(maxBufferBytes)
    const lines = new Lines((text) => {
      if (stopped !== undefined) return
      try {
        onLine?.({ stream, text })
      } catch (error) {
        stop(error)
      }
    })
    const source = child[stream]
    source.on('data', (chunk: Buffer) => {
      tail.push(chunk)
      if (onLine !== undefined) lines.push(chunk)
    })
    const done = new Promise<void>((resolve) => source.once('close', resolve)).then(() => lines.end())
    return { tail, done, discard: () => source.destroy() }
  })

  const work = async (): Promise<HostExecResult> => {
    const exit = await new Promise<Pick<HostExecResult, 'exitCode' | 'signal'>>((resolve, reject) => {
      child.once('exit', (exitCode, by) => resolve({ exitCode, signal: by }))
      child.once('error', reject)
      // What never started tells it in its result alone.
      void child.then((result) => (child.pid === undefined ? reject(result.cause) : undefined))
    }).catch((error: unknown) => {
      throw notStarted(name, error)
    })
    // What it left in the background would hold the pipes open, and nobody would ever end it.
    await end(Math.min(graceMs, 1_000))
    const drained = Promise.all(streams.map((one) => one.done))
    await Promise.race([drained, sleep(drainMs, undefined, { ref: false })])
    if (stopped !== undefined) throw stopped.reason
    const [stdout, stderr] = streams.map(({ tail }) => tail.text())
    return { ...exit, stdout: stdout ?? '', stderr: stderr ?? '' }
  }
  const abort = () => stop(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => stop(tooLong(name, timeoutMs)), Math.min(timeoutMs, longestTimer))
  const working = work().finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    for (const one of streams) one.discard()
  })
  began({ end: stop, kill: () => group !== null && killGroup(group), ended: working.catch(() => undefined) })
  return await working
}

const notFound = (name: string) =>
  new AppaloftError('command-not-found', {
    message: `The command ${name} does not exist on this machine, or may not be run.`,
    details: { command: name },
  })

const noFolder = (name: string) =>
  new AppaloftError('command-not-found', {
    message: `The folder in which ${name} shall run does not exist.`,
    details: { command: name },
  })

const tooLong = (name: string, timeoutMs: number) =>
  new AppaloftError('timeout', {
    message: `The command ${name} did not end within ${timeoutMs} ms.`,
    details: { command: name, timeoutMs },
  })

const badArguments = (name: string, details: JsonObject = { command: name }) =>
  new AppaloftError('invalid-input', {
    message: `The arguments or the environment of ${name} are too long, or hold a zero byte.`,
    details,
  })

/** The system's own error is not handed on: it carries all arguments. */
function notStarted(name: string, error: unknown): AppaloftError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  if (['ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP'].includes(code)) return notFound(name)
  const details = { command: name, systemCode: code }
  if (code === 'E2BIG') return badArguments(name, details)
  const message = `This machine could not start ${name}: ${code}.`
  return new AppaloftError('runtime-backend-unavailable', { message, details })
}
