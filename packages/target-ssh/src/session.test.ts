import { PassThrough } from 'node:stream'
import { AppaloftError } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import type { Connection } from './connection.js'
import { lostError } from './diagnosis.js'
import { readOptions } from './options.js'
import { NoChannel, runSession, type WaitingSession } from './session.js'

const settings = readOptions({ destination: 'web' })

/** A command that took a session which was open ahead, whose ssh ends so before anything came of it. */
async function commandOf(code: number | null, guard: Awaited<ReturnType<Connection['stop']>>, said = '') {
  const losing = new AbortController()
  const asked: string[] = []
  const connection = {
    socket: '/none',
    folder: '/none',
    lost: losing.signal,
    stop: async (mark: string) => {
      asked.push(mark)
      if (guard === 'lost') losing.abort(lostError('web'))
      return guard
    },
  } as unknown as Connection
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const client = { child: { stdin, stdout, stderr }, said: () => said, kill() {}, ended: Promise.resolve(code) }
  const ahead = { client, mark: 'the-mark' } as unknown as WaitingSession
  const place = { key: 'web', settings, stopping: new AbortController().signal, ahead }
  const session = runSession(connection, ['true'], {}, place)
  const error: unknown = await session.result.catch((reason: unknown) => reason)
  await session.freed
  return { error, asked }
}

describe('a session that was open ahead and ends without a word', () => {
  it('had ended before the command came, where its shell tells an exit code', async () => {
    const { error, asked } = await commandOf(0, 'told')
    expect(error).toBeInstanceOf(NoChannel)
    expect(asked).toEqual([])
  })

  it('was refused, where ssh says so', async () => {
    expect((await commandOf(255, 'lost', 'session request failed')).error).toBeInstanceOf(NoChannel)
  })

  it('had not begun, where the guard knows nothing of the command', async () => {
    const { error, asked } = await commandOf(255, 'never')
    expect(error).toBeInstanceOf(NoChannel)
    expect(asked).toEqual(['the-mark'])
  })

  // Whoever runs it again would run it twice.
  it.each([
    [255, 'lost', 'connection-lost'],
    [null, 'lost', 'connection-lost'],
    [255, 'told', 'unknown'],
  ] as const)('may have begun, where ssh ends with %s and the guard says %s', async (code, guard, reason) => {
    const { error } = await commandOf(code, guard)
    expect(AppaloftError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ code: 'runtime-backend-unavailable', details: { reason } })
  })
})
