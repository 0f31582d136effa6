import { expect, it } from 'vitest'
import { copy } from './memory-state.js'

it('copies as JSON does', () => {
  const shared = { n: 1 }
  for (const value of [
    {
      a: [1, 'x', null, undefined, { b: undefined, c: [] }],
      d: Number.NaN,
      e: () => 1,
      f: new Date(0),
      g: -0.5,
      h: false,
    },
    JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
    [shared, shared, Number.POSITIVE_INFINITY],
    null,
    'text',
  ]) {
    expect(copy(value)).toEqual(JSON.parse(JSON.stringify(value)))
    expect(JSON.stringify(copy(value))).toBe(JSON.stringify(value))
  }
  const [first, second] = copy([shared, shared])
  expect(first).not.toBe(second)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})
