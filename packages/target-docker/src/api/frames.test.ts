import { Readable } from 'node:stream'
import type { LogLine } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { Frames, readFrames } from './frames.js'

const frame = (stream: 1 | 2, text: string): Buffer => {
  const data = Buffer.from(text)
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(data.length, 4)
  return Buffer.concat([head, data])
}

const whole = Buffer.concat([
  frame(1, 'one\ntw'),
  frame(2, 'Fehler: ü\n'),
  frame(1, 'o\n'),
  frame(1, ''),
  frame(1, 'last'),
])
const lines: LogLine[] = [
  { stream: 'stdout', text: 'one' },
  { stream: 'stderr', text: 'Fehler: ü' },
  { stream: 'stdout', text: 'two' },
  { stream: 'stdout', text: 'last' },
]

it('the lines are the same wherever the chunks are cut', () => {
  for (let at = 0; at <= whole.length; at += 1) {
    const seen: LogLine[] = []
    const frames = new Frames((line) => seen.push(line))
    frames.push(whole.subarray(0, at))
    frames.push(whole.subarray(at))
    frames.end()
    expect(seen).toEqual(lines)
  }
  const seen: LogLine[] = []
  const frames = new Frames((line) => seen.push(line))
  for (const byte of whole) frames.push(Buffer.from([byte]))
  frames.end()
  expect(seen).toEqual(lines)
})

it('a stream that breaks off anywhere gives what came, and its error', async () => {
  for (let at = 0; at < whole.length; at += 1) {
    const seen: LogLine[] = []
    const broken = Readable.from(
      (async function* () {
        yield whole.subarray(0, at)
        throw new Error('cut')
      })(),
    )
    await expect(readFrames(broken, (line) => seen.push(line))).rejects.toThrow('cut')
    const text = (given: LogLine[]) => given.map((line) => `${line.stream} ${line.text}`).join('\n')
    expect(seen.length).toBeLessThanOrEqual(lines.length)
    for (const line of seen) expect(text(lines)).toContain(line.text.replace(/\ufffd$/, ''))
  }
})
