import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseBeatMs } from '@appaloft/core'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { programs } from '../../test/programs.js'

// A writer and a follower, processes of their own that share nothing but one SQLite file.

const soak = process.env.APPALOFT_SOAK === '1'
const bursts = soak ? 1_000 : 100
const idleSeconds = soak ? 20 : 4

let made: Awaited<ReturnType<typeof programs>>
let folder = ''
beforeAll(async () => {
  made = await programs('writer', 'follower')
  folder = await mkdtemp(join(tmpdir(), 'appaloft-wakeups-'))
})
afterAll(async () => {
  await made.end()
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

const at = (sorted: number[], part: number) => (sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN).toFixed(1)

it('the last event of every burst wakes a follower in another process, without the help of polling', async () => {
  const path = join(folder, 'appaloft.db')
  const writer = made.start('writer', [path, folder])
  const id = String((await writer.hear('ready'))?.id)
  // A poll once in ten minutes helps nobody.
  const follower = made.start('follower', [path, `${folder}/other`, id, '600000'])
  const resting = made.start('follower', [path, `${folder}/third`, id])
  await Promise.all([follower.hear('following'), resting.hear('following')])

  const seed = Number(process.env.APPALOFT_SEED ?? 7)
  const [sizes = []] = fc.sample(
    fc.array(fc.record({ size: fc.integer({ min: 1, max: 40 }), pauseMs: fc.constantFrom(0, 0, 1, 5) }), {
      minLength: bursts,
      maxLength: bursts,
    }),
    { seed, numRuns: 1 },
  )
  const lags: number[] = []
  let lost = 0
  for (const [number, burst] of sizes.entries()) {
    writer.tell('burst', { number, ...burst })
    await writer.hear('written')
    // Nothing else is written until it was seen: a wake-up that is lost stays lost.
    const seen = await follower.hear('seen', 10_000)
    if (seen === null) lost += 1
    else {
      expect(seen.number).toBe(number)
      lags.push(Number(seen.ms))
    }
  }
  const sorted = lags.toSorted((a, b) => a - b)
  console.log(
    `${bursts} bursts (seed ${seed}), the last event of each seen by another process after: p50 ${at(sorted, 0.5)} ms, p99 ${at(sorted, 0.99)} ms, max ${at(sorted, 1)} ms; within 100 ms: ${lags.filter((ms) => ms <= 100).length}; lost: ${lost}`,
  )
  expect(lost).toBe(0)

  for (const [name, one] of Object.entries({ 'poll each 10 min': follower, 'poll each second': resting })) {
    one.tell('idle', { seconds: idleSeconds })
    const { reads, cpuMs, wallMs } = (await one.hear('idled')) as unknown as Record<string, number>
    const share = (100 * (cpuMs ?? 0)) / (wallMs ?? 0)
    console.log(
      `an idle follower (${name}) in ${idleSeconds} s: ${reads} reads of the store, ${cpuMs?.toFixed(0)} ms of CPU (${share.toFixed(2)} %)`,
    )
    // A heartbeat each second looks at the events and at the record; where SQLite's counter is polled, so may each beat of a lease.
    const beats = Math.ceil((1000 * idleSeconds) / leaseBeatMs)
    expect(reads).toBeLessThanOrEqual(2 * (idleSeconds + beats + 4))
    expect(share).toBeLessThan(25)
  }

  writer.tell('end')
  for (const one of [follower, resting])
    expect(await one.hear('closed')).toMatchObject({ kind: 'closed', reason: 'completed', whole: true })
}, 3_600_000)
