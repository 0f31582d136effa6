import { setTimeout as sleep } from 'node:timers/promises'
import { AppaloftError, type Host } from '@appaloft/core/spec'
import { Ahead } from './ahead.js'
import type { Connection } from './connection.js'
import { Forwards } from './forwards.js'
import { type Lifeline, withLifeline } from './lifeline.js'
import { Link } from './link.js'
import { readOptions, type SshHostOptions } from './options.js'
import { type Argv, type ExecOptions, NoChannel, runSession, type Session } from './session.js'
import { Slots } from './slots.js'
import { upload } from './upload/upload.js'

/** How often a command that found no free channel tries again while no other of ours holds one, and with which pauses. */
const channelTries = 8
const channelPauseMs = 25
/** From `execve(2)`: more bytes in one argument or variable no Linux takes. */
const longestArgument = 128 * 1024 - 1

/**
 * A machine that the OpenSSH of this one reaches: its configuration, agent, certificates, jump hosts and known_hosts apply. One connection
 * is made when it is first needed, shared by everything, and made anew after it was lost. Never asks anything.
 *
 * Arguments reach the far side's programs as they are, whatever the login shell; environment and input are in no argument list. A command
 * ends with all of its group when it is aborted, takes too long, or the connection is lost. One that a signal ended has the shell's exit
 * code for it (137 for SIGKILL). The far side needs Linux, `/bin/sh`, `env` and `setsid`; uploads `tar`, `stat` and `sha256sum` too.
 *
 *     const host = sshHost({ destination: 'deploy@web1' })
 *     const { stdout } = await host.exec(['docker', 'version'], { env: { HOME: '/home/deploy' } })
 *     await host.close()
 *
 * Throws `invalid-input` for options that are none.
 */
export function sshHost(options: SshHostOptions): Host {
  const settings = readOptions(options)
  const key = settings.port === undefined ? settings.destination : `${settings.destination}:${settings.port}`
  const forwards = new Forwards(key, settings)
  const link = new Link(key, settings, {
    // While its guard begins there, which whoever needs the connection waits for anyway.
    listening(connection) {
      ahead.fill(connection)
      forwards.prepare(connection)
    },
    renewed: (connection) => renewed(connection),
  })
  const slots = new Slots(settings.maxSessions)
  const ahead = new Ahead(settings, slots)
  const running = new Set<Promise<unknown>>()
  const keep = <T>(work: Promise<T>): Promise<T> => {
    running.add(work)
    work.catch(() => undefined).finally(() => running.delete(work))
    return work
  }

  /** Forwards are there again without anybody's asking. */
  const renewed = async (connection: Connection) => {
    ahead.fill(connection)
    await forwards.renew(connection)
    connection.lost.addEventListener('abort', () => void returning(), { once: true })
  }
  const returning = async () => {
    while (forwards.size > 0 && !link.closed.aborted)
      if (await link.get().then(Boolean, () => sleep(1_000, false, { ref: false }))) return
  }

  const exec = async (argv: Argv, given: ExecOptions = {}) => {
    given.signal?.throwIfAborted()
    link.closed.throwIfAborted()
    checkArguments(argv, given)
    for (let tries = 1; ; tries += 1) {
      // With the connection, sessions are open that wait for commands.
      const present = await link.get(given.signal)
      given.signal?.throwIfAborted()
      const waiting = ahead.take(present)
      const free = waiting?.free ?? (await slots.take(given.signal))
      let session: Session | undefined
      let connection: Connection | undefined
      try {
        // It may have taken long until there was a place.
        connection = waiting?.connection ?? (await link.get(given.signal))
        given.signal?.throwIfAborted()
        session = runSession(connection, argv, given, {
          key,
          settings,
          stopping: link.closed,
          ahead: waiting,
        })
        ahead.fill(connection)
        return await session.result
      } catch (error) {
        if (!(error instanceof NoChannel)) throw error
        if (slots.used > 1 && waiting === null) slots.lower()
        else if (tries >= channelTries) throw noChannel(key)
        if (waiting !== null) {
          ahead.refused(waiting.connection)
          continue
        }
      } finally {
        const used = connection
        if (session === undefined) free()
        else
          void session.freed.then(() => {
            free()
            if (used !== undefined) ahead.fill(used)
          })
      }
      await sleep(channelPauseMs * 2 ** Math.min(tries, 5), undefined, { ref: false })
    }
  }

  const line: Lifeline = {
    get made() {
      return link.made
    },
    get failed() {
      return link.failed
    },
    get failure() {
      return link.failure
    },
    alive: async (signal) => {
      const connection = await link.get(signal)
      // Within the seconds after which ssh gives up a server that is silent.
      await connection.ping()
      if (connection.lost.aborted) await link.get(signal)
    },
  }
  const host: Host = {
    specVersion: 1,
    key,
    exec: (argv, given) => keep(exec(argv, given)),
    async forward(remote, { signal, ahead: opensAhead = false } = {}) {
      signal?.throwIfAborted()
      link.closed.throwIfAborted()
      const forward = forwards.add(await link.folder(), remote, opensAhead)
      try {
        await forwards.open(await link.get(signal), forward)
      } catch (error) {
        await forwards.close(forward)
        throw error
      }
      const close = () => forwards.close(forward)
      if (signal?.aborted === true) {
        await close()
        throw signal.reason
      }
      return {
        address: { kind: 'unix', path: forward.path },
        soon: () => forward.door?.soon(),
        renew: () => forward.door?.renew(),
        close,
      }
    },
    async upload(localPath, remotePath, { signal } = {}) {
      signal?.throwIfAborted()
      link.closed.throwIfAborted()
      await keep(upload(exec, localPath, remotePath, signal))
    },
    async close() {
      // First what runs, then the connection that it runs on.
      link.refuse()
      ahead.close()
      await Promise.allSettled([...running])
      await forwards.closeDoors()
      await link.close()
    },
  }
  return withLifeline(host, line)
}

function checkArguments(argv: Argv, { cwd = '', env = {} }: ExecOptions): void {
  const names = Object.keys(env)
  const texts = [...argv, cwd, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]
  const sound =
    texts.every((text) => !text.includes('\0') && Buffer.byteLength(text) <= longestArgument) &&
    names.every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (sound) return
  throw new AppaloftError('invalid-input', {
    message: `The arguments or the environment of ${argv[0]} are too long, hold a zero byte, or a variable has a name that shells do not know.`,
    details: { command: argv[0] },
  })
}

const noChannel = (key: string) =>
  new AppaloftError('runtime-backend-unavailable', {
    message: `${key} opens no session for a command.`,
    details: { host: key, reason: 'no-channel' },
    recoveryHint: 'Set MaxSessions of the sshd of the machine to 2 or more; 10 is its default.',
  })
