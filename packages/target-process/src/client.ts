import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, type CallOptions } from '@appaloft/core/spec'
import { fromKeeper } from './errors.js'
import { spawnRole } from './keeper/spawn.js'
import type { KeeperOptions } from './options.js'
import { installProgram } from './program.js'
import { isRecord, type JsonRecord, makeFolder, readRecord, writeJson } from './shared/files.js'
import { type Holder, lockHolder } from './shared/lock.js'
import type { Layout } from './shared/paths.js'
import { type Calls, defaultConfig, handover, type Method, protocolVersion } from './shared/protocol.js'
import { ask } from './shared/talk.js'

/** So long a keeper may take from its start, or from another keeper's death, to its first answer. */
const patienceMs = 15_000
/** So long a keeper may think about a call, beyond the grace that the call itself gives. */
const answerMs = 20_000
/** A start that shows nothing is tried again. */
const startAgainMs = 3_000

/** Talks to the keeper of a state folder, and starts it where there is none. */
export class KeeperClient {
  #starting: Promise<void> | null = null

  constructor(
    readonly layout: Layout,
    readonly options: { proxy: boolean; keeper?: KeeperOptions },
  ) {}

  /** Is one running? Starts nothing. */
  running(): boolean {
    return lockHolder(this.layout.lock('keeper')) !== null
  }

  /** Every call is idempotent: one that got no answer is made again, with the next keeper if need be. */
  async call<M extends Method>(
    method: M,
    params: Calls[M]['params'],
    options: CallOptions = {},
  ): Promise<Calls[M]['result']> {
    const end = performance.now() + patienceMs
    for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
      options.signal?.throwIfAborted()
      const holder = lockHolder(this.layout.lock('keeper'))
      if (holder === null) await this.#start()
      else if (holder.data.protocol !== protocolVersion) await this.#takeOver(holder)
      else {
        const answer = await this.#ask(holder, method, params, options)
        if (answer?.ok === true) return answer.result as Calls[M]['result']
        if (isRecord(answer?.error) && !isEnding(answer.error)) throw fromKeeper(answer.error)
      }
      if (performance.now() > end) throw unavailable()
      await sleep(pause)
    }
  }

  /** Null: nobody answered. */
  async #ask(holder: Holder, call: Method, params: object, { signal }: CallOptions): Promise<JsonRecord | null> {
    const { socket } = holder.data
    if (typeof socket !== 'string') return null
    const graceMs = 'graceMs' in params && typeof params.graceMs === 'number' ? params.graceMs : 0
    try {
      const question = { call, protocol: protocolVersion, params }
      return await ask(socket, question, { signal, timeoutMs: answerMs + graceMs })
    } catch {
      signal?.throwIfAborted()
      return null
    }
  }

  /** Once at a time, whoever asks; the keeper's own lock decides between several engines. */
  async #start(): Promise<void> {
    this.#starting ??= this.#doStart().finally(() => {
      this.#starting = null
    })
    await this.#starting
  }

  async #doStart(): Promise<void> {
    const { layout } = this
    makeFolder(layout.root)
    makeFolder(layout.keeper)
    await installProgram(layout)
    this.#writeConfig()
    const node = readRecord(layout.program)
    const child = spawnRole(layout, 'keeper', { node: String(node?.node), file: String(node?.file) })
    let ended = false
    child.once('exit', () => {
      ended = true
    })
    child.once('error', () => {
      ended = true
    })
    const end = performance.now() + startAgainMs
    while (!ended && performance.now() < end) {
      const holder = lockHolder(layout.lock('keeper'))
      if (holder !== null && (await this.#ask(holder, 'hello', {}, {})) !== null) return
      await sleep(5)
    }
  }

  #writeConfig(): void {
    const { keeper = {}, proxy } = this.options
    const former = readRecord(this.layout.config)
    writeJson(this.layout.config, {
      // A proxy that was in use stays in use, whoever starts the keeper.
      proxy: proxy || former?.proxy === true,
      idleMs: keeper.idleSeconds === undefined ? defaultConfig.idleMs : keeper.idleSeconds * 1000,
      logBytes: keeper.logBytes ?? defaultConfig.logBytes,
      logFiles: keeper.logFiles ?? defaultConfig.logFiles,
    })
  }

  /** A keeper of another version leaves its children to ours. */
  async #takeOver(holder: Holder): Promise<void> {
    await installProgram(this.layout)
    const { socket } = holder.data
    if (typeof socket === 'string') await ask(socket, { call: handover }, { timeoutMs: 40_000 }).catch(() => undefined)
  }
}

const isEnding = (error: JsonRecord) => error.message === 'The keeper is ending.'

const unavailable = () =>
  new AppaloftError('runtime-backend-unavailable', {
    message: 'The keeper of the process target does not answer.',
    recoveryHint: 'Look at keeper.log in the folder process/keeper of the state folder.',
  })
