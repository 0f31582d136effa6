import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactor } from './redactor.js'

/** The characters that a value alone decides, found by encoding it between different neighbours. */
function ownBase64(value: string, before: number): string {
  const encode = (neighbour: number) =>
    Buffer.concat([Buffer.alloc(before, neighbour), Buffer.from(value), Buffer.alloc(3, neighbour)]).toString('base64')
  const [low, high] = [encode(0), encode(0xff)]
  return [...low].filter((char, i) => char === high[i]).join('')
}

const encoders: Record<string, (value: string) => string> = {
  raw: (value) => value,
  'base64 at 0': (value) => ownBase64(value, 0),
  'base64 at 1': (value) => ownBase64(value, 1),
  'base64 at 2': (value) => ownBase64(value, 2),
  'base64 far in': (value) => ownBase64(value, 7),
  base64url: (value) =>
    Buffer.from(value)
      .toString('base64url')
      .slice(0, Math.floor((Buffer.byteLength(value) * 8) / 6)),
  'url component': (value) => encodeURIComponent(value),
  'url form': (value) => new URLSearchParams([['', value]]).toString().slice(1),
  'lower-case url': (value) => encodeURIComponent(value).replace(/%../g, (hex) => hex.toLowerCase()),
  json: (value) => JSON.stringify(value).slice(1, -1),
  'json in json': (value) => JSON.stringify(JSON.stringify(value)).slice(3, -3),
  hex: (value) => Buffer.from(value).toString('hex'),
  HEX: (value) => Buffer.from(value).toString('hex').toUpperCase(),
  'shell single quotes': (value) => value.split("'").join(`'\\''`),
  'shell double quotes': (value) => value.replace(/["\\$`]/g, (char) => `\\${char}`),
  html: (value) => value.replace(/[&<>]/g, (char) => ({ '&': '&amp;', '<': '&lt;' })[char] ?? '&gt;'),
}

// No part of the mark itself, and no white space alone: those are outside the promise.
const secret = fc
  .oneof(
    fc.string({ minLength: 4, maxLength: 40 }),
    fc.string({ minLength: 4, maxLength: 20, unit: 'grapheme' }),
    fc.string({
      minLength: 4,
      maxLength: 60,
      unit: fc.constantFrom('a', 'b', "'", '"', '\\', '$', '&', '%', '+', '/', '=', ' ', '\n', 'é', '😀'),
    }),
    fc.base64String({ minLength: 8, maxLength: 80 }),
  )
  .filter((value) => value.trim().length >= 4 && !/[[\]]|redacted|reda|edac|dact|acte|cted/.test(value))

const cut = (text: string, sizes: readonly number[]): string[] => {
  const chunks: string[] = []
  let at = 0
  for (let i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length]!
    chunks.push(text.slice(at, at + size))
    at += size
  }
  return chunks
}

describe('redactor', () => {
  it.each(Object.entries(encoders))('leaves no hit: %s, in one piece and in any pieces', (_, encode) => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.string(),
        fc.string(),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
        (values, before, after, sizes) => {
          const text = before + values.map(encode).join(after) + after
          const clean = redactor(values)
          const whole = clean.text(text)
          for (const value of values) expect(whole).not.toContain(encode(value))
          const stream = clean.stream()
          expect(
            cut(text, sizes)
              .map((chunk) => stream.write(chunk))
              .join('') + stream.end(),
          ).toBe(whole)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('finds the user and password of a basic authorization header', () => {
    const header = `Basic ${Buffer.from('deploy:hunter2-hunter2').toString('base64')}`
    const clean = redactor(['hunter2-hunter2']).text(header)
    expect(clean).toContain('[redacted]')
    expect(Buffer.from(clean.slice(6), 'base64').toString()).not.toContain('unter2')
  })

  it('finds a value of several lines line by line, whatever ends them', () => {
    const key = '-----BEGIN KEY-----\nAAAABBBBCCCC\n  DDDDEEEEFFFF\n-----END KEY-----\n'
    const clean = redactor([key])
    for (const text of [key, key.replaceAll('\n', '\r\n'), key.trim()])
      expect(clean.text(`x ${text}`)).not.toMatch(/AAAA|EEEE/)
    expect(clean.text('one line: AAAABBBBCCCC')).toBe('one line: [redacted]')
    expect(clean.text('DDDDEEEEFFFF')).toBe('[redacted]')
  })

  it('finds a long value that base64 wrapped', () => {
    const value = Array.from({ length: 40 }, (_, i) => `line-${i}`).join('')
    for (const width of [64, 76]) {
      const wrapped = Buffer.from(value)
        .toString('base64')
        .replace(new RegExp(`.{${width}}`, 'g'), '$&\n')
      expect(Buffer.from(redactor([value]).text(wrapped), 'base64').toString()).not.toMatch(/line-\d\d/)
    }
  })

  it('prefers the longest of several values, and covers overlaps', () => {
    const clean = redactor(['abcdef', 'abcd', 'efghij'])
    expect(clean.text('xabcdefy')).toBe('x[redacted]y')
    expect(clean.text('xabcdefghijy')).toBe('x[redacted]y')
    expect(clean.text('xabcdy')).toBe('x[redacted]y')
    expect(clean.text('abcdabcd')).toBe('[redacted][redacted]')
  })

  it('leaves short values alone, as documented', () => {
    expect(redactor(['abc', '', '   ', ' a ']).text('abc  a    ')).toBe('abc  a    ')
    expect(redactor(['abcd']).text('abcd')).toBe('[redacted]')
  })

  it('has nothing to do without values', () => {
    const value = { a: [1] }
    const clean = redactor([])
    expect(clean.json(value)).toBe(value)
    expect(clean.stream().write('x')).toBe('x')
  })

  it('cleans JSON deeply: strings, keys and numbers, not the original', () => {
    const value = {
      'key-s3cret': ['s3cret', { a: 's3cret s3cret', n: 12345678, m: 1234, d: new Date(0), t: true, z: null }],
    }
    const before = structuredClone(value)
    expect(redactor(['s3cret', '12345678']).json<unknown>(value)).toEqual({
      'key-[redacted]': [
        '[redacted]',
        { a: '[redacted] [redacted]', n: '[redacted]', m: 1234, d: '1970-01-01T00:00:00.000Z', t: true, z: null },
      ],
    })
    expect(value).toEqual(before)
  })

  it('holds back no more than what may be a secret', () => {
    const stream = redactor(['s3cret-value']).stream()
    expect(stream.write('all is well\n')).toBe('all is well\n')
    expect(stream.write('and s3cre')).toBe('and ')
    expect(stream.write('am\n')).toBe('s3cream\n')
    expect(stream.write('s3cret-')).toBe('')
    expect(stream.end()).toBe('s3cret-')
    expect(stream.write('value')).toBe('value')
  })

  it('is fast with many values', () => {
    const values = Array.from({ length: 200 }, (_, i) => `secret-number-${i}-${'x'.repeat(i)}`)
    const clean = redactor(values)
    const line = 'GET /assets/index-4f3a9c.js 200 12ms secret agents are not secrets\n'
    const text = line.repeat(40_000)
    const start = performance.now()
    expect(clean.text(text)).toBe(text)
    // 2.7 MB. A hundred times the time seen, so that only another order of growth fails.
    expect(performance.now() - start).toBeLessThan(5000)
  })
})
