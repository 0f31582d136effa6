import { pipeline, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lines, Tail } from '@appaloft/core/host'
import { AppaloftError, type HostExecOptions, type HostExecResult } from '@appaloft/core/spec'
import { sessionArguments } from './arguments.js'
import { type Connection, newMark } from './connection.js'
import { diagnosed, shellEnded, tooSlow } from './diagnosis.js'
import { Framed } from './frames.js'
import type { Settings } from './options.js'
import { type Program, startProgram } from './program.js'
import { loginCommand, opening, sent } from './remote/bootstrap.js'
import { supervisorProgram } from './remote/supervisor.js'

export type Argv = readonly [string, ...string[]]
export type ExecOptions = Omit<HostExecOptions, 'input'> & { input?: string | Uint8Array | Readable }

export interface Session {
  result: Promise<HostExecResult>
  /** When its channel is free again. Never rejects. */
  freed: Promise<unknown>
}

/** The server had no channel left: nothing of the command was run. */
export class NoChannel extends Error {}

const defaultBufferBytes = 1024 * 1024
const longestTimer = 2 ** 31 - 1
/** Milliseconds beyond the grace for a stopped command's end to be told, and for a channel to be given back. */
const patienceMs = 30_000
const freeingMs = 1_000

/** Its shell waits for a program. */
export interface WaitingSession {
  client: Program
  mark: string
}

export function openSession({ ssh }: Settings, { socket }: Connection): WaitingSession {
  const mark = newMark()
  const client = startProgram(ssh, sessionArguments(socket, loginCommand))
  client.child.stdin.write(opening(mark))
  return { client, mark }
}

interface Place {
  key: string
  settings: Settings
  /** Ends it as the command's own signal does, with this signal's reason. */
  stopping: AbortSignal
  ahead: WaitingSession | null
}

/** Runs one command on a connection. */
export function runSession(
  connection: Connection,
  argv: Argv,
  options: ExecOptions,
  { key, settings, stopping, ahead }: Place,
): Session {
  const { cwd, env = {}, input, signal, timeoutMs, onLine, maxBufferBytes = defaultBufferBytes } = options
  const { client, mark } = ahead ?? openSession(settings, connection)
  const graceMs = settings.graceSeconds * 1000
  let begun = false
  let stopped: { reason: unknown } | undefined
  let settle: (error?: unknown) => void = () => undefined
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error))
  })
  let timer: NodeJS.Timeout | undefined
  const late = new AbortController()

  const stop = (reason: unknown) => {
    if (stopped !== undefined) return
    stopped = { reason }
    void connection.stop(mark).then(async (answer) => {
      if (answer !== 'told') return settle()
      await sleep(graceMs + patienceMs, undefined, { signal: late.signal, ref: false }).catch(() => undefined)
      settle()
    })
  }
  const ends: { stdout?: string; stderr?: string } = {}
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
    const framed = new Framed(mark, {
      begin: () => {
        if (begun) return
        begun = true
        starting.abort()
        if (timeoutMs === undefined) return
        timer = setTimeout(() => stop(tooLong(argv[0], timeoutMs)), Math.min(timeoutMs, longestTimer))
      },
      data: (chunk) => {
        tail.push(chunk)
        if (onLine !== undefined) lines.push(chunk)
      },
      end: (said) => {
        lines.end()
        ends[stream] = said
        if (ends.stdout !== undefined && ends.stderr !== undefined) settle()
      },
    })
    client.child[stream].on('data', (chunk: Buffer) => framed.push(chunk))
    return { tail, framed }
  })
  const starting = new AbortController()
  sleep(settings.connectTimeoutSeconds * 1000, undefined, { signal: starting.signal, ref: false }).then(
    () => stop(tooSlow(key, settings.connectTimeoutSeconds, true)),
    () => undefined,
  )

  const program = supervisorProgram({ argv, cwd, env, mark, folder: connection.folder, graceMs })
  client.child.stdin.write(sent(program, mark))
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) client.child.stdin.end(input)
  else pipeline(input, client.child.stdin, () => undefined)

  /** A shell that had ended before the command came tells its exit code. Else it may have begun, and the connection be cut: the guard knows. */
  const endedAhead = async (code: Awaited<Program['ended']>, said: string) => {
    const own = typeof code === 'number' && code !== 255
    const never = own || (await connection.stop(mark)) === 'never'
    settle(
      never && !begun ? new NoChannel(said) : connection.lost.aborted ? connection.lost.reason : diagnosed(key, said),
    )
  }
  void client.ended.then((code) => {
    if (ends.stdout !== undefined) return settle()
    if (stopped !== undefined || connection.lost.aborted) return settle()
    const said = client.said()
    if (!begun && /session request failed|open refused|open failed/i.test(said)) return settle(new NoChannel(said))
    if (!begun && ahead !== null) return void endedAhead(code, said)
    if (!begun && typeof code === 'number' && code !== 255)
      return settle(shellEnded(key, code, streams.map(({ framed }) => framed.noise).join('\n')))
    // The connection's own end is told a moment later, and says more.
    setTimeout(() => settle(diagnosed(key, said)), 500).unref()
  })
  const lost = () => settle(stopped === undefined ? connection.lost.reason : undefined)
  connection.lost.addEventListener('abort', lost, { once: true })
  const abort = () => stop(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  const halt = () => stop(stopping.reason)
  stopping.addEventListener('abort', halt, { once: true })
  if (stopping.aborted) halt()

  const result = done
    .then(() => {
      if (stopped !== undefined) throw stopped.reason
      const exitCode = outcome(argv[0], ends.stdout ?? '', key)
      const [stdout, stderr] = streams.map(({ tail }) => tail.text())
      return { exitCode, signal: null, stdout: stdout ?? '', stderr: stderr ?? '' }
    })
    .finally(() => {
      clearTimeout(timer)
      late.abort()
      starting.abort()
      connection.lost.removeEventListener('abort', lost)
      signal?.removeEventListener('abort', abort)
      stopping.removeEventListener('abort', halt)
      client.child.stdin.destroy()
    })
  const freed = result
    .catch(() => undefined)
    .then(() => Promise.race([client.ended, sleep(freeingMs, undefined, { ref: false })]))
    .then(() => client.kill())
  return { result, freed }
}

/** What the supervisor said of the end. */
function outcome(name: string, said: string, key: string): number {
  const [verb, code] = said.split(' ')
  if (verb === 'exit') return Number(code)
  const details = { command: name, host: key }
  if (verb === 'not-found')
    throw new AppaloftError('command-not-found', {
      message: `The command ${name} does not exist on ${key}, or may not be run.`,
      details,
    })
  if (verb === 'no-folder')
    throw new AppaloftError('command-not-found', {
      message: `The folder in which ${name} shall run does not exist on ${key}.`,
      details,
    })
  if (verb === 'no-setsid')
    throw new AppaloftError('runtime-backend-unavailable', {
      message: `${key} has no program setsid, without which commands could not be ended.`,
      details: { ...details, reason: 'no-setsid' },
      recoveryHint: 'Install util-linux on the machine, or busybox with setsid.',
      retriable: false,
    })
  throw new AppaloftError('runtime-backend-unavailable', {
    message: `${key} did not begin the command ${name}.`,
    details: { ...details, reason: verb === 'gone' ? 'connection-lost' : 'not-begun' },
  })
}

const tooLong = (name: string, timeoutMs: number) =>
  new AppaloftError('timeout', {
    message: `The command ${name} did not end within ${timeoutMs} ms.`,
    details: { command: name, timeoutMs },
  })
