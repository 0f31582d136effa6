import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Ahead, type Waiting } from './ahead.js'
import type { Connection } from './connection.js'
import { readOptions } from './options.js'
import { Slots } from './slots.js'

/** In place of ssh: a session for as long as its input is open, or 255 where `channels` are open. */
function sessions(channels: number, places = new Slots(8)) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-ahead-'))
  const program = join(folder, 'ssh')
  const open = Array.from({ length: channels }, (_, at) => `mkdir ${folder}/c${at} 2>/dev/null && c=c${at}`)
  const lines = [
    `c=; ${[...open, 'exit 255'].join(' || ')}`,
    // By the signal it ends, also where it does not read yet.
    `trap 'rmdir ${folder}/"$c"' EXIT; trap exit TERM`,
    'while read -r line; do :; done',
  ]
  writeFileSync(program, `#!/bin/sh\n${lines.join('\n')}\n`)
  chmodSync(program, 0o755)
  const connection = { socket: join(folder, 'c'), lost: new AbortController().signal } as unknown as Connection
  const ahead = new Ahead(readOptions({ destination: 'web', ssh: program }), places)
  const taken: Waiting[] = []
  onTestFinished(async () => {
    ahead.close()
    for (const one of taken) one.client.kill()
    await expect.poll(() => places.used, { timeout: 20_000 }).toBe(0)
    rmSync(folder, { recursive: true, force: true })
  })
  const take = () => {
    const one = ahead.take(connection)
    if (one === null) return null
    taken.push(one)
    void one.client.ended.then(one.free)
    return one
  }
  return { ahead, connection, slots: places, take }
}

describe('sessions that are open ahead', () => {
  it('are two, and no more, the oldest first', () => {
    const { ahead, connection, slots, take } = sessions(8)
    ahead.fill(connection)
    ahead.fill(connection)
    expect(slots.used).toBe(2)
    const [first, second] = [take(), take()]
    expect(first?.client.child.pid).toBeLessThan(second?.client.child.pid ?? 0)
    expect(take()).toBeNull()
    ahead.fill(connection)
    expect(slots.used).toBe(4)
  })

  it('are one where two are all that there is', () => {
    const { ahead, connection, slots } = sessions(8, new Slots(2))
    ahead.fill(connection)
    expect(slots.used).toBe(1)
  })

  it('leave their places to whoever waits', async () => {
    const { ahead, connection, slots } = sessions(8, new Slots(3))
    const frees = [await slots.take(), await slots.take(), await slots.take()]
    const waits = slots.take()
    frees[0]?.()
    ahead.fill(connection)
    ;(await waits)()
    ahead.fill(connection)
    expect(slots.used).toBe(3)
    for (const free of frees) free()
  })

  it('are as many as the server lets through, and none beside others where it lets one', async () => {
    const { ahead, connection, slots, take } = sessions(1)
    ahead.fill(connection)
    expect(slots.used).toBe(2)
    await expect.poll(() => slots.used, { timeout: 20_000 }).toBe(1)
    ahead.fill(connection)
    expect(slots.used).toBe(1)
    const one = take()
    ahead.fill(connection)
    expect(slots.used).toBe(2)
    await expect.poll(() => slots.used, { timeout: 20_000 }).toBe(1)
    // From now on none is tried while something runs.
    ahead.fill(connection)
    expect(slots.used).toBe(1)
    one?.client.child.stdin.end('run\n')
    await expect.poll(() => slots.used, { timeout: 20_000 }).toBe(0)
    ahead.fill(connection)
    expect(slots.used).toBe(1)
  })

  it('are fewer where a command found one that had been refused', () => {
    const { ahead, connection, slots, take } = sessions(8)
    ahead.refused(connection)
    ahead.fill(connection)
    expect(slots.used).toBe(1)
    take()
    ahead.refused(connection)
    ahead.fill(connection)
    expect(slots.used).toBe(1)
  })
})
