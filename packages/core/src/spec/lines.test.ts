import { expect, it } from 'vitest'
import { maxLogLineBytes } from './events.js'
import { cutLine, LastLines, LineSplitter } from './lines.js'

const split = (...chunks: (string | Buffer)[]): string[] => {
  const lines: string[] = []
  const splitter = new LineSplitter((text) => lines.push(text))
  for (const chunk of chunks) splitter.push(Buffer.from(chunk))
  splitter.end()
  return lines
}

it('lines come whole, however they were cut into chunks', () => {
  expect(split('a\nb', 'c\n', '\n', 'last')).toEqual(['a', 'bc', '', 'last'])
  const text = Buffer.from('grün\n')
  expect(split(text.subarray(0, 3), text.subarray(3))).toEqual(['grün'])
  expect(split('windows\r\n')).toEqual(['windows'])
  expect(split('')).toEqual([])
})

it('a line beyond the limit is cut within whole characters, and the next one is not touched', () => {
  const [long = '', next] = split('ü'.repeat(maxLogLineBytes), 'more\nnext\n')
  expect(Buffer.byteLength(long)).toBe(maxLogLineBytes)
  expect(long).toBe('ü'.repeat(maxLogLineBytes / 2))
  expect(next).toBe('next')
  expect(cutLine(`${'x'.repeat(maxLogLineBytes - 1)}ü`)).toBe('x'.repeat(maxLogLineBytes - 1))
})

it('the last lines are kept, oldest first', () => {
  const last = new LastLines(2)
  for (const text of ['a', 'b', 'c']) last.push(text)
  expect(last.lines).toEqual(['b', 'c'])
})
