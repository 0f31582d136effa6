import fc from 'fast-check'

/** Texts that have broken servers before. */
const nasty = fc.constantFrom(
  ...[
    '',
    ' ',
    '0',
    '-1',
    '1e999',
    '9007199254740993',
    'NaN',
    'null',
    'undefined',
    'true',
    '[object Object]',
    '{}',
    '[]',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '$where',
    '%s%n',
    '{{7*7}}',
    '$' + '{7*7}',
    "' OR 1=1 --",
  ],
  ...[
    '..',
    '../../../etc/passwd',
    '/etc/passwd',
    '/',
    '.',
    '~',
    'file:///etc',
    '\0',
    'a\0b',
    '\r\nx: y',
    '\ud800',
    '\ufeff',
    '\u202e',
  ],
  ...[
    'res_',
    'dep_',
    'rel_',
    'res_shop',
    'RES_SHOP',
    'a'.repeat(300),
    'é'.repeat(200),
    '🐎'.repeat(100),
    '/'.repeat(200),
  ],
)
export const text = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }))
export const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, -1, 1, 2 ** 31, 2 ** 53, 1e308, -1e308, 5e-324, 0.5, 65_536),
)
export const junk = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: number },
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 4 }),
  fc.integer({ min: 1, max: 200 }).map((depth) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown),
)

type Change = { at: number; how: 'replace' | 'drop' | 'add'; value: unknown; name: string }

/** Every object and array in a value, itself included. */
const holders = (value: unknown): Record<string, unknown>[] =>
  value === null || typeof value !== 'object'
    ? []
    : [value as Record<string, unknown>, ...Object.values(value).flatMap(holders)]

/** What is right, with up to two things wrong in it. */
export function spoiled(good: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.nat(),
    how: fc.constantFrom('replace', 'replace', 'drop', 'add'),
    value: junk,
    name: text,
  })
  return fc.tuple(good, fc.oneof(fc.constant([]), fc.array(change, { maxLength: 2 }))).map(([one, changes]) => {
    const copy = structuredClone(one)
    for (const { at, how, value, name } of changes) {
      const all = holders(copy)
      const holder = all[at % all.length]!
      const keys = Object.keys(holder)
      const key = keys[at % Math.max(1, keys.length)]
      if (how === 'add') holder[name === '__proto__' ? 'proto' : name] = value
      else if (key !== undefined && how === 'drop') delete holder[key]
      else if (key !== undefined) holder[key] = value
    }
    return copy
  })
}
