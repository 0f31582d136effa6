import { statSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { linesOf, type Machine, machine, until } from '../test/machine.js'
import { rotatedLogs } from './keeper/rotate.js'
import { releaseFiles } from './shared/paths.js'

let here: Machine
afterEach(() => here.close())

/** Writes 5,000 numbered lines a second, in bursts, with a line of about 100 bytes. */
const talkative = {
  'server.mjs': `
    let count = 0
    setInterval(() => {
      for (let i = 0; i < 50; i += 1) process.stdout.write('line ' + ++count + '\\n' + 'x'.repeat(90) + '\\n')
    }, 10)`,
}
const numbered = (lines: readonly string[]) => lines.filter((line) => line.startsWith('line '))

/**
 * Each number once and in order. What is written in the microseconds between the last read and the cut is lost: that is the nature of
 * copying and emptying a file under its writer, and may cost a handful of these lines.
 */
function expectInOrder(lines: readonly string[]): void {
  const numbers = lines.map((line) => Number(line.slice('line '.length)))
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  const missing = (numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1 - numbers.length
  expect(missing).toBeLessThanOrEqual(10)
}

it('a full log is rotated under the writer, and who follows it reads on in the copy', async () => {
  here = await machine({ keeper: { logBytes: 400_000, logFiles: 2 } })
  const input = await here.deploy(talkative)
  const { log } = releaseFiles(here.layout.release(input))
  const aborting = new AbortController()
  const seen: string[] = []
  const following = (async () => {
    for await (const line of here.target.logs(input, { follow: true, signal: aborting.signal })) seen.push(line.text)
  })()
  await until('three rotations', () => ((rotatedLogs(log).at(-1)?.number ?? 0) >= 3 ? true : null), 15_000)
  await here.target.stop(input, 1)
  await following
  aborting.abort()
  expect(rotatedLogs(log).length).toBeLessThanOrEqual(2)
  expect(statSync(log).size).toBeLessThan(1_500_000)
  const lines = numbered(seen)
  expect(lines.length).toBeGreaterThan(5_000)
  expectInOrder(lines)
  const kept = numbered(await linesOf(here.target, input))
  expectInOrder(kept)
  expect(kept.at(-1)).toBe(lines.at(-1))
  expect(kept.length).toBeLessThan(lines.length)
  expect(numbered(await linesOf(here.target, input, { tail: 4 })).at(-1)).toBe(lines.at(-1))
})
