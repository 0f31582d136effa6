import { describe, expect, it } from 'vitest'
import { parseJsonc } from './parse.js'

describe('parseJsonc', () => {
  it.each([
    ['{ "a": 1 }', { a: 1 }],
    ['{ // one\n "a": "// not, one", /* two , */ "b": [1, 2, /* three */ ], }', { a: '// not, one', b: [1, 2] }],
    ['["a\\"//", 1,]', ['a"//', 1]],
    ['[1, /* open', null],
    ['[1,, ]', null],
    ['"a\\', null],
  ])('%s', (text, value) => {
    if (value === null) expect(() => parseJsonc(text)).toThrow()
    else expect(parseJsonc(text)).toEqual(value)
  })

  it('takes no time for many brackets', () => {
    const text = `{ "a": [${'[1, ],'.repeat(10_000)}], // x\n}`
    const before = process.cpuUsage()
    expect(parseJsonc(text)).toHaveProperty('a.9999', [1])
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000)
  })
})
