import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { maxLogLineBytes } from '../spec/events.js'
import { redactLines, redactor } from './redactor.js'

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
  'shell, each character': (value) => value.replace(/[^A-Za-z0-9_\-.,:+/@\n\u0080-\uffff]/g, (char) => `\\${char}`),
  'shell, without quotes': (value) => value.trim().split(/\s+/).join(' '),
  html: (value) => value.replace(/[&<>]/g, (char) => ({ '&': '&amp;', '<': '&lt;' })[char] ?? '&gt;'),
  'html attribute': (value) => value.replace(/[&<>"']/g, (char) => htmlNames[char] ?? char),
  'html by number': (value) => value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`),
  'html of react': (value) =>
    value.replace(/[&<>"']/g, (char) => (char === "'" ? '&#x27;' : (htmlNames[char] ?? char))),
  'url in url': (value) => encodeURIComponent(encodeURIComponent(value)),
  'json in ascii': (value) =>
    JSON.stringify(value)
      .slice(1, -1)
      .replace(/[^\0-~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'json in html': (value) =>
    JSON.stringify(value)
      .slice(1, -1)
      .replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`),
  'a literal in single quotes': (value) => literal(value).replaceAll("'", "\\'"),
  'a literal in double quotes': (value) => literal(value).replaceAll('"', '\\"'),
  sql: (value) => value.replaceAll("'", "''"),
  csv: (value) => value.replaceAll('"', '""'),
  'a buffer': (value) => inspect(Buffer.from(value)).replace(/^<Buffer | \.\.\. .*|>$/g, ''),
  'its lines in one': (value) => value.replace(/[\r\n]/g, '').trim(),
}
const htmlNames: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const literal = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

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
          for (const value of values) if (encode(value).length >= 4) expect(whole).not.toContain(encode(value))
          const stream = clean.stream()
          expect(
            cut(text, sizes)
              .map((chunk) => stream.write(chunk))
              .join('') + stream.end(),
          ).toBe(whole)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('finds a long value with space before it where a buffer shows its first bytes', () => {
    const value = ` \n${'secret'.repeat(12)}`
    const shown = inspect(Buffer.from(value))
    expect(redactor([value]).text(shown)).toBe('<Buffer [redacted] ... 24 more bytes>')
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

  it('finds one line of what base64 wrapped by itself, as in a text that quotes it', () => {
    const value = Array.from({ length: 40 }, (_, i) => `line-${i}`).join('')
    for (const width of [64, 76])
      for (const piece of Buffer.from(value)
        .toString('base64')
        .match(new RegExp(`.{${width}}`, 'g')) ?? [])
        expect(redactor([value]).text(`it said "${piece}"`)).toBe('it said "[redacted]"')
  })

  it('prefers the longest of several values, and covers overlaps', () => {
    const clean = redactor(['abcdef', 'abcd', 'efghij'])
    expect(clean.text('xabcdefy')).toBe('x[redacted]y')
    expect(clean.text('xabcdefghijy')).toBe('x[redacted]y')
    expect(clean.text('xabcdy')).toBe('x[redacted]y')
    expect(clean.text('abcdabcd')).toBe('[redacted][redacted]')
  })

  it('leaves short values alone, as documented', () => {
    expect(redactor(['abc', '', '    ', ' a ']).text('abc  a    ')).toBe('abc  a    ')
    expect(redactor(['abcd']).text('abcd')).toBe('[redacted]')
    expect(redactor([' ab ']).text('ab, but not x ab y')).toBe('ab, but not x[redacted]y')
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

  it('passes nearly every place with one look, however many values there are', () => {
    const values = fc.sample(fc.string({ minLength: 12, maxLength: 40 }), { numRuns: 200, seed: 5 })
    const clean = redactor(values)
    const text = 'GET /assets/index-4f3a9c.js 200 12ms secret agents are not secrets\n'.repeat(1000)
    const compared = vi.spyOn(String.prototype, 'startsWith')
    const looks = () => compared.mock.calls.length
    try {
      expect(clean.text(text)).toBe(text)
      expect(looks()).toBeLessThan(text.length / 20)
    } finally {
      compared.mockRestore()
    }
  })
})

const wrap = (text: string, width: number, end = '\n') => text.match(new RegExp(`.{1,${width}}`, 'g'))?.join(end) ?? ''

describe('an encoding that a tool broke into lines', () => {
  const around = fc.string({ unit: 'binary', maxLength: 90 })
  const widths: [string, (text: string) => string, number, string][] = [
    ['base64', (text) => Buffer.from(text).toString('base64'), 76, '\n'],
    ['base64 of a mail', (text) => Buffer.from(text).toString('base64'), 76, '\r\n'],
    ['base64 of a PEM', (text) => Buffer.from(text).toString('base64'), 64, '\n'],
    ['hex', (text) => Buffer.from(text).toString('hex'), 60, '\n'],
  ]
  it.each(widths)('%s: leaves no piece of it, line by line and in any pieces', (_, encode, width, end) => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 16, maxLength: 200 }).filter((value) => value.trim() === value),
        around,
        around,
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
        (value, before, after, sizes) => {
          const text = wrap(encode(before + value + after), width, end)
          const clean = redactor([value])
          const whole = clean.text(text)
          const own = encode(before + value + after)
            .slice(encode(before).replace(/=+$/, '').length + 1)
            .slice(0, encode(value).length - 6)
          expect(whole.replace(/[\r\n]/g, '')).not.toContain(own)
          // Nor a piece of it that has a line of its own.
          for (let at = 0; at + 12 <= own.length; at += 1) expect(whole).not.toContain(own.slice(at, at + 12))
          const stream = clean.stream()
          const pieces = cut(text, sizes).map((chunk) => stream.write(chunk))
          expect(pieces.join('') + stream.end()).toBe(whole)
          expect(redactLines(clean, text.split(end)).join('\n')).toBe(whole.replaceAll('\r\n', '\n'))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('is found wherever a chunk ends, within its line breaks too', () => {
    const value = 'a value of fifty characters and more, all of them one'.repeat(2)
    const text = wrap(Buffer.from(`before ${value} after`).toString('base64'), 64, '\r\n')
    const clean = redactor([value])
    const whole = clean.text(text)
    expect(whole).toMatch(/^[\w+/]{9,11}\[redacted\][\w+/=]{6,11}$/)
    for (let at = 0; at <= text.length; at += 1) {
      const stream = clean.stream()
      expect(stream.write(text.slice(0, at)) + stream.write(text.slice(at)) + stream.end()).toBe(whole)
    }
  })

  it('holds no ordinary line back', () => {
    const lines = redactor(['a-secret-of-some-length-that-is-long-enough']).lines()
    for (const line of ['', 'a', 'listening on YQ', 'at /usr/lib/node_modules/some/where/YS.js', 'done'])
      expect(lines.write(line)).toEqual([line])
  })
})

describe('the lines of an output', () => {
  const value = 'ab\ncd\nefghij\n{\n}'

  it('hide a value of several lines, however short they are', () => {
    const clean = redactor([value])
    expect(redactLines(clean, ['before', ...value.split('\n'), 'after'])).toEqual(['before', '[redacted]', 'after'])
    expect(redactLines(clean, [`x${value.split('\n')[0]}`, ...value.split('\n').slice(1, -1), '} y'])).toEqual([
      'x[redacted] y',
    ])
  })

  it('are held back only where a secret may begin, until the next one comes or the end', () => {
    const lines = redactor([value]).lines()
    expect(lines.write('one')).toEqual(['one'])
    expect(lines.write('two ab')).toEqual([])
    expect(lines.write('three')).toEqual(['two ab', 'three'])
    expect(lines.write('ab')).toEqual([])
    expect(lines.write('cd')).toEqual([])
    expect(lines.end()).toEqual(['ab', 'cd'])
    expect(lines.write('')).toEqual([''])
    expect(lines.end()).toEqual([])
  })

  it('lose none whose end belongs to a secret', () => {
    expect(redactLines(redactor(['ab \n']), ['first', 'ab '])).toEqual(['first', '[redacted]'])
  })

  it('keep nothing of a secret that the cut of a long line parted', () => {
    const token = 'tok-0123456789abcdefghijklmnopqrstuvwxyz'
    const clean = redactor([token])
    for (let kept = 1; kept < token.length; kept += 1) {
      const line = `${'x'.repeat(maxLogLineBytes - kept)}${token.slice(0, kept)}`
      const [told = '', next] = redactLines(clean, [line, `${token.slice(kept)} and more`])
      expect(told.replace(/^x+/, '')).toBe('[redacted]')
      // Less than four characters are not looked for.
      if (token.length - kept >= 4) expect(next).toBe('[redacted] and more')
    }
    expect(redactLines(clean, ['x'.repeat(maxLogLineBytes), 'next'])).toEqual(['x'.repeat(maxLogLineBytes), 'next'])
  })

  it('keep nothing of a secret that began before the first of them', () => {
    const token = 'tok-0123456789abcdefghijklmnopqrstuvwxyz'
    const clean = redactor([token])
    for (let at = 1; at <= token.length - 4; at += 1)
      expect(redactLines(clean, [`${token.slice(at)} told`, 'more'], { cut: true })).toEqual([
        '[redacted] told',
        'more',
      ])
    expect(redactLines(clean, ['345678 inside', 'more'], { cut: true })).toEqual(['345678 inside', 'more'])
    const long = wrap(Buffer.from('some long text around it: '.repeat(3) + token.repeat(6)).toString('base64'), 76)
    const lines = redactLines(redactor([token.repeat(6)]), long.split('\n').slice(3), { cut: true })
    expect(lines.join('').replaceAll('[redacted]', '').length).toBeLessThan(12)
  })
})
