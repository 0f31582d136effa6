import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, allErrorCodes, type CallOptions, type ErrorCode, type JsonObject } from '@appaloft/core/spec'
import { controlLocation, isPrivateFolder, proxyFolder } from './paths.js'
import { type ControlAnswer, type ControlCall, protocolVersion } from './protocol.js'
import { type Message, TimedOut, Wire } from './wire.js'

/** A call is answered at once; a listener that must be opened takes a little longer. */
const answerMs = 15_000
/** After `ensure` said that the daemon answers, its socket is asked for this long. */
const patienceMs = 5_000

/** Nobody listens on the control socket. */
export class NotRunning extends Error {}

/** Speaks to the daemon of one state folder. */
export class ControlClient {
  readonly #wire: Wire

  constructor(
    readonly stateDir: string,
    readonly ensure?: (options?: CallOptions) => Promise<void>,
  ) {
    this.#wire = new Wire(controlLocation(stateDir).socket)
  }

  /** Throws NotRunning where no daemon runs; starts none. */
  async ask(call: ControlCall, options: CallOptions = {}): Promise<unknown> {
    options.signal?.throwIfAborted()
    try {
      return await this.#send(call, options)
    } catch (error) {
      // A kept connection to a daemon that ended meanwhile says nothing about the present one.
      if (!(error instanceof NotRunning)) throw error
      this.#wire.close()
      return await this.#send(call, options)
    }
  }

  /** Has the daemon started where none runs. Every call may be repeated, so one cut off half-way is asked again. */
  async askRunning(call: ControlCall, options: CallOptions = {}): Promise<unknown> {
    try {
      return await this.ask(call, options)
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error
    }
    if (this.ensure !== undefined) await this.ensure(options)
    const deadline = performance.now() + (this.ensure === undefined ? 0 : patienceMs)
    for (let pause = 10; ; pause = Math.min(pause * 2, 250)) {
      try {
        return await this.ask(call, options)
      } catch (error) {
        if (!(error instanceof NotRunning)) throw error
        if (performance.now() > deadline) throw unavailable('The proxy’s process does not answer.')
      }
      await sleep(pause, undefined, options.signal === undefined ? {} : { signal: options.signal })
    }
  }

  close(): void {
    this.#wire.close()
  }

  async #send(call: ControlCall, options: CallOptions): Promise<unknown> {
    const { folder } = controlLocation(this.stateDir)
    // A shared folder for temporary files may hold somebody else's trap; the state folder is the user's own.
    if (folder !== proxyFolder(this.stateDir) && !isPrivateFolder(folder))
      throw new NotRunning('nobody of this user listens')
    const answer = checked(
      await this.#wire
        .ask({ ...call, protocol: protocolVersion }, { ...options, timeoutMs: answerMs })
        .catch((error) => {
          options.signal?.throwIfAborted()
          throw failureOf(error)
        }),
    )
    if (answer.ok) return answer.value
    const { code, message, details } = answer.error
    // Its successor is at the same place.
    if (details?.takenOver === true) throw new NotRunning(message)
    throw new AppaloftError(isErrorCode(code) ? code : 'internal-error', { message, details: details as JsonObject })
  }
}

export const unavailable = (message: string): AppaloftError =>
  new AppaloftError('runtime-backend-unavailable', { message })

const gone = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ENOTDIR'])

function failureOf(error: NodeJS.ErrnoException): Error {
  if (error instanceof TimedOut) return unavailable('The proxy’s process did not answer in time.')
  if (error.code !== undefined && gone.has(error.code)) return new NotRunning(error.message)
  if (error.code === 'EACCES') return unavailable('This user may not use the control socket of the proxy.')
  return unavailable(`The proxy’s process cannot be asked: ${error.code ?? error.message}`)
}

const isErrorCode = (code: string): code is ErrorCode => (allErrorCodes as readonly string[]).includes(code)

function checked(message: Message): ControlAnswer {
  const answer = message as unknown as ControlAnswer
  if (answer.protocol === protocolVersion) return answer
  throw new AppaloftError('unsupported-operation', {
    message: `The proxy that runs speaks protocol ${answer.protocol}, this version ${protocolVersion}.`,
    recoveryHint: 'Stop the target’s keeper; the next command starts it again in this version.',
    details: { running: Number(answer.protocol), own: protocolVersion },
  })
}
