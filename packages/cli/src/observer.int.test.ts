import type { Envelope } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { writeServer } from '../test/apps.js'
import { program } from '../test/program.js'

const cli = program()
const lines = 600

/** A build that prints for some seconds, now and then many lines at once. */
const build = `let line = 0
const timer = setInterval(() => {
  for (let left = line % 7 === 0 ? 9 : 1; left > 0 && line < ${lines}; left--) console.log('line ' + ++line + ' ' + 'é'.repeat(line % 90))
  if (line >= ${lines}) clearInterval(timer)
}, 20)`

/** mulberry32: the same seed gives the same places. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** The whole lines that an observer printed before it was killed at this byte, or all of them. */
async function observe(id: string, cursor: string | undefined, killAt: number): Promise<Envelope[]> {
  const resume = cursor === undefined ? [] : ['--cursor', cursor]
  const observer = cli.start(['deployments', 'events', id, '--follow', '--json', ...resume])
  let bytes = 0
  observer.child.stdout?.on('data', (text: string) => {
    bytes += Buffer.byteLength(text)
    if (bytes >= killAt) observer.child.kill('SIGKILL')
  })
  const { stdout } = await observer.finished
  // What follows the last line break was cut off by the kill.
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Envelope)
}

it('an observer that is killed at any byte goes on exactly where its last whole line was', async () => {
  const seed = Date.now() % 1_000_000
  const random = numbers(seed)
  const detached = await cli.run(['up', writeServer(cli.folder('loud'), { build }), '--detach'])
  expect(detached.code, detached.stderr).toBe(0)
  const id = detached.stdout.trim()

  const seen: Envelope[] = []
  let observers = 0
  while (seen.at(-1)?.kind !== 'closed') {
    // Some die before they print a line, some in the middle of one.
    const killAt = observers > 60 ? Number.POSITIVE_INFINITY : 1 + random(random(3) === 0 ? 300 : 12_000)
    const last = seen.findLast((one) => one.kind === 'event')
    seen.push(...(await observe(id, last?.cursor, killAt)))
    observers += 1
  }
  const whole = (await cli.run(['deployments', 'events', id, '--json'])).documents()
  const events = (stream: unknown[]) => stream.filter((one) => (one as Envelope).kind === 'event')
  expect(events(whole).length).toBeGreaterThan(lines)
  expect(events(seen), `seed ${seed}, ${observers} observers`).toEqual(events(whole))
  expect(seen.at(-1), `seed ${seed}`).toEqual(whole.at(-1))
  expect(
    seen.some(({ kind }) => kind === 'gap' || kind === 'error'),
    `seed ${seed}`,
  ).toBe(false)
  // Less would have proven little.
  expect(observers).toBeGreaterThan(5)
}, 240_000)
