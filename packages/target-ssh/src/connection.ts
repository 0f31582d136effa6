import { randomBytes } from 'node:crypto'
import { existsSync, type FSWatcher, watch } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AppaloftError, cutLine } from '@appaloft/core/spec'
import { masterArguments } from './arguments.js'
import { closedError, diagnosed, lostError, noProgram, shellEnded, tooSlow } from './diagnosis.js'
import type { Settings } from './options.js'
import { startProgram } from './program.js'
import { loginCommand, opening, sent } from './remote/bootstrap.js'
import { guardProgram } from './remote/guard.js'

export interface Connection {
  /** The control socket. */
  readonly socket: string
  /** The guard's folder on the far side; empty before the guard is there: nothing may run yet. */
  readonly folder: string
  /** Aborted when it is over, with the error that commands on it fail with. */
  readonly lost: AbortSignal
  /** Ends the command of this mark, or lets it not begin; `lost` where nobody is left to tell: the far side ends it by itself then. */
  stop(mark: string): Promise<'told' | 'never' | 'lost'>
  /** Waits for a sign of life of the far side, or for the end. Never rejects. */
  ping(): Promise<unknown>
  /** Ends what still runs on the far side, then the connection. Never rejects. */
  close(): Promise<void>
}

type Answer = 'told' | 'never' | 'pong'

/** Milliseconds between two signs of life to the guard, which takes three of them missing for the end. */
const beatMs = 5_000
/** Without a word for as long, either side takes the other for gone. */
const longestSilence = 20
/** Milliseconds for the guard to end all after the connection was closed on purpose. */
const farewellMs = 5_000

export const newMark = (): string => `appaloft-${randomBytes(16).toString('hex')}`

export interface ConnectOptions {
  key: string
  settings: Settings
  socket: string
  /** A known_hosts file of pinned keys. */
  pinned: string | null
  /** Default 20. */
  silenceSeconds?: number
  signal: AbortSignal
  /**
   * Called at most once, as soon as it is logged in, while the guard begins: what is opened now is open with it. The guard's session is asked
   * for first.
   */
  listening(connection: Connection): void
}

/** Logs in once, starts the guard there, and keeps both. Everything else goes over its control socket. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { key, settings, socket, pinned, silenceSeconds = longestSilence, signal, listening } = options
  await rm(socket, { force: true })
  signal.throwIfAborted()
  const mark = newMark()
  const watcher = watched(socket, () => listening(connection))
  const master = startProgram(settings.ssh, masterArguments(settings, socket, pinned, loginCommand))
  const over = new AbortController()
  const answers = new Map<string, (answer: Answer) => void>()
  let closing = false
  let beat: NodeJS.Timeout | undefined
  let folder: string | null = null
  let printed = ''

  const onExit = () => master.kill()
  process.once('exit', onExit)
  void master.ended.then(() => process.removeListener('exit', onExit))

  const ready = new Promise<void>((resolve) => {
    const take = (line: string) => {
      const [verb, name = ''] = line.trim().split(' ')
      if (verb === 'ready') {
        folder = line.trim().slice('ready '.length)
        resolve()
      }
      if (verb === 'told' || verb === 'never' || verb === 'pong') answers.get(name)?.(verb)
    }
    master.child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      for (let end = printed.indexOf('\n'); end >= 0; end = printed.indexOf('\n')) {
        const line = printed.slice(0, end)
        const at = line.indexOf(mark)
        if (at < 0 && folder === null) break
        printed = printed.slice(end + 1)
        if (at >= 0) take(line.slice(at + mark.length))
      }
      // Noise of login files, one of whose lines may not end before the mark.
      if (folder === null) {
        const at = printed.indexOf(mark)
        const end = at < 0 ? -1 : printed.indexOf('\n', at)
        if (end >= 0) {
          const line = printed.slice(at + mark.length, end)
          printed = printed.slice(end + 1)
          take(line)
        } else printed = printed.slice(-8192)
      }
    })
  })
  master.child.stdin.write(opening(mark) + sent(guardProgram(mark, silenceSeconds), mark))

  const ended = master.ended.then((code) => {
    clearInterval(beat)
    const why = code === 255 ? diagnosed(key, master.said()) : undefined
    over.abort(closing ? closedError(key) : lostError(key, why))
  })
  const ask = (verb: 'stop' | 'ping', name: string) =>
    new Promise<Answer | 'lost'>((resolve) => {
      if (over.signal.aborted) return resolve('lost')
      // sshd may answer ssh, and the guard nobody: then nothing that runs there would ever be ended.
      const silent = setTimeout(() => master.kill('SIGKILL'), silenceSeconds * 1000)
      silent.unref()
      const told = (answer: Answer | 'lost') => {
        clearTimeout(silent)
        answers.delete(name)
        over.signal.removeEventListener('abort', lost)
        resolve(answer)
      }
      const lost = () => told('lost')
      over.signal.addEventListener('abort', lost, { once: true })
      // The same may be asked twice.
      const before = answers.get(name)
      answers.set(name, (answer) => {
        before?.(answer)
        told(answer)
      })
      master.child.stdin.write(`${verb} ${name}\n`)
    })
  const connection: Connection = {
    socket,
    get folder() {
      return folder ?? ''
    },
    lost: over.signal,
    stop: async (name) => {
      const answer = await ask('stop', name)
      return answer === 'pong' ? 'never' : answer
    },
    ping: () => ask('ping', newMark()),
    close: async () => {
      closing = true
      master.child.stdin.end()
      await Promise.race([ended, sleep(farewellMs, undefined, { ref: false })])
      master.kill()
      await Promise.race([ended, sleep(1_000, undefined, { ref: false })])
      master.kill('SIGKILL')
      await ended
    },
  }

  const failure = (code: number | null | 'missing'): AppaloftError => {
    if (code === 'missing') return noProgram(settings.ssh)
    // 255 is ssh's own; with any other code the far side's shell ended.
    return code === 255 || code === null
      ? diagnosed(key, master.said())
      : shellEnded(key, code, master.said() + cutLine(printed))
  }
  const limit = new AbortController()
  try {
    await Promise.race([
      ready,
      master.ended.then((code) => {
        throw failure(code)
      }),
      sleep(settings.connectTimeoutSeconds * 1000, undefined, { signal: limit.signal }).then(() => {
        throw tooSlow(key, settings.connectTimeoutSeconds, existsSync(socket))
      }),
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: limit.signal })
      }),
    ])
  } catch (error) {
    master.kill('SIGKILL')
    throw error
  } finally {
    limit.abort()
    watcher?.close()
  }

  beat = setInterval(() => master.child.stdin.write('beat\n'), beatMs)
  beat.unref()
  // The connection is as good as its guard: what runs without one would outlive it.
  master.child.stdout.once('end', () => master.kill())
  return connection
}

/** Null where nothing tells when a file appears: then it is there later than it could be. */
function watched(file: string, appeared: () => void): FSWatcher | null {
  try {
    const watcher = watch(dirname(file), { persistent: false }, (_, name) => {
      if (name !== basename(file) || !existsSync(file)) return
      watcher.close()
      appeared()
    })
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return null
  }
}
