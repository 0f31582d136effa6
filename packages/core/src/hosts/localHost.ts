import { AppaloftError } from '../spec/errors.js'
import type { Host } from '../spec/host.js'
import type { Running } from './localExec.js'

export interface LocalHostOptions {
  /** From SIGTERM to SIGKILL for a command that is aborted or takes too long. Default 5 s. */
  graceSeconds?: number
}

/**
 * This machine. Each command is a process group of its own, so that all of it can be ended; it ends with this process too, unless that
 * one is killed outright.
 *
 *     const host = localHost()
 *     const { exitCode, stdout } = await host.exec(['docker', 'version', '--format', 'json'], { env: { HOME: home } })
 */
export function localHost(options: LocalHostOptions = {}): Host {
  const key = 'local'
  const graceMs = (options.graceSeconds ?? 5) * 1000
  const running = new Set<Running>()
  let closed = false
  const closedError = () => new AppaloftError('runtime-backend-unavailable', { message: `The host ${key} is closed.` })
  const open = (signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    if (closed) throw closedError()
  }
  const killAll = () => {
    for (const one of running) one.kill()
  }
  // Listening only while something runs: many hosts may live in one process.
  const began = (one: Running) => {
    if (closed) one.end(closedError())
    if (running.size === 0) process.once('exit', killAll)
    running.add(one)
    void one.ended.then(() => {
      running.delete(one)
      if (running.size === 0) process.removeListener('exit', killAll)
    })
  }
  return {
    specVersion: 1,
    key,
    async exec(argv, given = {}) {
      open(given.signal)
      const { run } = await import('./localExec.js')
      return await run(argv, given, { graceMs, began })
    },
    async forward(remote, { signal } = {}) {
      open(signal)
      return { address: { ...remote }, close: async () => undefined }
    },
    async upload(localPath, remotePath, { signal } = {}) {
      open(signal)
      const { copyInto } = await import('./copy.js')
      await copyInto(localPath, remotePath, signal)
    },
    async close() {
      closed = true
      const all = [...running]
      for (const one of all) one.end(closedError())
      await Promise.all(all.map((one) => one.ended))
    },
  }
}
