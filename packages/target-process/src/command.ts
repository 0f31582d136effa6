import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AppaloftError,
  type Command,
  type CommandResult,
  LastLines,
  LineSplitter,
  type LogLine,
  type RunningRef,
} from '@appaloft/core/spec'
import { noteJob } from './jobs.js'
import { errorCode } from './shared/files.js'
import { endGroup } from './shared/groups.js'
import type { Layout } from './shared/paths.js'
import { identify } from './shared/processes.js'

/**
 * An array is an argv and meets no shell. A string is for `/bin/sh -c`, untouched: shells exec the last command of such a text by
 * themselves, and since every signal goes to the whole process group, nothing depends on it.
 */
export const toArgv = (command: Command): string[] =>
  typeof command === 'string' ? ['/bin/sh', '-c', command] : [...command]

/** What a command is called in a message. */
export const nameOf = (command: Command): string =>
  (typeof command === 'string' ? command : command.join(' ')).slice(0, 200)

export interface RunOptions {
  layout: Layout
  ref: RunningRef
  /** Absolute. */
  directory: string
  /** All that it sees. */
  environment: Readonly<Record<string, string>>
  signal: AbortSignal | undefined
  graceMs: number
  onLine(line: LogLine): void
}

/**
 * Runs a command as a process group of its own, to its end. When it ends, whatever it left running ends too; when aborted, all of it
 * ends before this rejects with the signal's reason. Errors: `command-not-found`.
 */
export async function runCommand(command: Command, options: RunOptions): Promise<CommandResult> {
  options.signal?.throwIfAborted()
  const [program = '', ...rest] = toArgv(command)
  if (!isFolder(options.directory)) throw new AppaloftError('command-not-found', { message: missingFolder(command) })
  const child = spawn(program, rest, {
    cwd: options.directory,
    env: { ...options.environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<{ exitCode: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  const last = new LastLines()
  const drained = (['stdout', 'stderr'] as const).map((stream) => {
    const splitter = new LineSplitter((text) => {
      last.push(text)
      options.onLine({ stream, text })
    })
    child[stream].on('data', (chunk: Buffer) => splitter.push(chunk))
    return new Promise<void>((resolve) => child[stream].once('close', resolve)).then(() => splitter.end())
  })
  const leader = child.pid === undefined ? null : identify(child.pid)
  const job = leader === null ? null : noteJob(options.layout, options.ref, leader)
  let ending: Promise<unknown> | null = null
  const end = (graceMs: number) => {
    ending ??= leader === null ? Promise.resolve() : endGroup(leader, { graceMs })
    return ending
  }
  const abort = () => void end(options.graceMs)
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    const result = await ended.catch((error: unknown) => {
      throw errorCode(error) === 'ENOENT' || errorCode(error) === 'EACCES' ? notFound(program) : error
    })
    // What it left in the background would hold the pipes open, and nobody would ever end it.
    await end(options.signal?.aborted === true ? options.graceMs : 1_000)
    // Bounded: a process that escaped into a session of its own may hold them open for good.
    await Promise.race([Promise.all(drained), sleep(2_000, undefined, { ref: false })])
    options.signal?.throwIfAborted()
    return { ...result, lastLogs: last.lines }
  } finally {
    options.signal?.removeEventListener('abort', abort)
    child.stdout.destroy()
    child.stderr.destroy()
    job?.done()
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const missingFolder = (command: Command) => `The folder in which ${nameOf(command)} shall run does not exist.`

export const notFound = (program: string) =>
  new AppaloftError('command-not-found', {
    message: `The command ${program} does not exist on this machine.`,
    details: { command: program },
  })
