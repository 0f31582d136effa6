import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Host } from '@appaloft/core/spec'
import { expect, onTestFinished } from 'vitest'

/** What the programs of tests are found with on the far side. */
export const env = { PATH: '/usr/local/bin:/usr/bin:/bin' }

/** What lives with this text in its arguments. */
export const living = (text: string): string[] =>
  readdirSync('/proc').flatMap((pid) => {
    try {
      const argv = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
      return argv.includes(text) ? [`${pid} ${argv.replaceAll('\0', ' ')}`] : []
    } catch {
      return []
    }
  })

export const gone = (text: string) => expect.poll(() => living(text), { timeout: 20_000, interval: 100 }).toEqual([])

/** A number of seconds that no other test sleeps: it names the process. */
export const nap = () => String(100_000 + randomBytes(4).readUInt32BE() / 1000)

export const closing = (host: Host): Host => {
  onTestFinished(() => host.close())
  return host
}

export const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error,
  )
