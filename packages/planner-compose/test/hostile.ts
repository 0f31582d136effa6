// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what Compose files hold
import fc from 'fast-check'
import type { Fixture } from './fixtures.js'

/** What a file is broken with: parts of YAML, of Compose files and of environment files, and characters that none of them expects. */
const tokens = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '- ',
    '? ',
    '|',
    '>',
    '&a ',
    '*a',
    '<<: *a',
    '!reset ',
    '!override ',
    '!!binary ',
    '#',
    '\n',
    '\n  ',
    '\t',
  ],
  ...[
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    "'",
    '"',
    '\\',
    '\0',
    '\u{1F600}',
    '\uFEFF',
    '\uFDD0',
    '\uD800',
    '\r',
    '\x85',
    '`',
    '@',
    ',',
  ],
  ...['null', '~', 'true', '1', '-1', '1e999', '0x1F', '.inf', '2001-01-01', '99999999999999999999', '""'],
  ...[
    '$',
    '${',
    '}',
    '${A:-',
    '${A:?x}',
    '$$',
    '${A:-${B:-${C}}}',
    '${__proto__}',
    '__proto__: ',
    'constructor: ',
    'toString',
  ],
  ...[
    'services:\n',
    'extends: web',
    'extends: { file: compose.yaml, service: web }',
    'include: [compose.yaml]',
    'ports: ["1-65535"]',
  ],
  ...[
    '80-79',
    '0',
    '70000',
    '1:2:3:4',
    '/udp/tcp',
    '[::1]',
    '::',
    './',
    '../../..',
    '/',
    '~/',
    'C:\\',
    'depends_on: [web]',
    'profiles: [x]',
  ],
  ...[
    'build: ..',
    'env_file: x',
    'volumes: [a:b:c:d]',
    'deploy: { replicas: many }',
    'network_mode: service:web',
    'x-y: ',
  ],
]

type Change = (text: string) => string
const place = fc.double({ min: 0, max: 1, noNaN: true })
const at = (text: string, where: number): number => Math.floor(where * text.length)

const insert = fc.tuple(place, fc.constantFrom(...tokens)).map(
  ([where, token]): Change =>
    (text) => {
      const i = at(text, where)
      return text.slice(0, i) + token + text.slice(i)
    },
)
const remove = fc.tuple(place, fc.integer({ min: 1, max: 40 })).map(
  ([where, length]): Change =>
    (text) => {
      const i = at(text, where)
      return text.slice(0, i) + text.slice(i + length)
    },
)
const repeat = fc.tuple(place, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 30 })).map(
  ([where, length, times]): Change =>
    (text) => {
      const i = at(text, where)
      return text.slice(0, i) + text.slice(i, i + length).repeat(times) + text.slice(i)
    },
)
const character = fc.tuple(place, fc.integer({ min: 0, max: 0xff_ff })).map(
  ([where, code]): Change =>
    (text) => {
      const i = at(text, where)
      return text.slice(0, i) + String.fromCharCode(code) + text.slice(i + 1)
    },
)
const swapLines = fc.tuple(place, place).map(
  ([one, other]): Change =>
    (text) => {
      const lines = text.split('\n')
      const [i, j] = [Math.floor(one * lines.length), Math.floor(other * lines.length)]
      const line = lines[i]
      if (line === undefined || lines[j] === undefined) return text
      lines[i] = lines[j]
      lines[j] = line
      return lines.join('\n')
    },
)
const indent = fc.tuple(place, fc.integer({ min: 0, max: 12 })).map(
  ([where, columns]): Change =>
    (text) => {
      const lines = text.split('\n')
      const i = Math.floor(where * lines.length)
      lines[i] = ' '.repeat(columns) + (lines[i] ?? '').trimStart()
      return lines.join('\n')
    },
)

/** A fixture with one of its texts changed in one to `most` ways. */
export const brokenFixture = (all: readonly Fixture[], most = 8): fc.Arbitrary<Fixture> =>
  fc
    .tuple(
      fc.constantFrom(...all),
      place,
      fc.array(fc.oneof(insert, remove, repeat, character, swapLines, indent), { minLength: 1, maxLength: most }),
    )
    .map(([fixture, which, changes]) => {
      const names = Object.keys(fixture.files).sort()
      const name = names[Math.floor(which * names.length)] ?? names[0] ?? ''
      const text = changes.reduce((changed, change) => change(changed).slice(0, 20_000), fixture.files[name] ?? '')
      return { ...fixture, files: { ...fixture.files, [name]: text } }
    })

const big = 200_000

/** Files that are made to keep a reader busy. */
export const bombs: Record<string, string> = {
  'nested lists': '['.repeat(big),
  'nested mappings': '{a: '.repeat(big / 4),
  'nested items': '- '.repeat(big / 2),
  'nested keys': Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  'nested questions': '? '.repeat(big / 2),
  'nested values': `services: [a${'b: '.repeat(big / 3)}`,
  'closed lists': ']'.repeat(big),
  commas: `[${','.repeat(big)}]`,
  quotes: '"'.repeat(big),
  tags: `a: ${'!x '.repeat(big / 3)}`,
  anchors: `a: ${'&x '.repeat(big / 3)}`,
  aliases: `a: &a [${'x,'.repeat(100)}]\n${Array.from({ length: 5000 }, (_, i) => `k${i}: *a`).join('\n')}`,
  'many keys': Array.from({ length: 7000 }, (_, i) => `k${i}: v`).join('\n'),
  'many documents': '---\n'.repeat(big / 4),
  comments: '#\n'.repeat(big / 2),
  lines: '\n'.repeat(big),
  tabs: '\t'.repeat(big),
  spaces: `${' '.repeat(big)}a`,
  'a long text': `a: ${'x'.repeat(big)}`,
  'a long folded text': `a: >\n${' x\n\n'.repeat(big / 4)}`,
  'a quoted text of many lines': `a: "${'x\n'.repeat(big / 2)}"`,
  'a huge file': `a: ${'x'.repeat(2_000_000)}`,
  'many aliases of aliases': [
    'x-0: &x0 [a,a,a,a,a,a,a,a,a,a]',
    ...Array.from({ length: 30 }, (_, i) => `x-${i + 1}: &x${i + 1} [${`*x${i},`.repeat(10)}]`),
  ].join('\n'),
  'many merges': `a: &a { ${Array.from({ length: 150 }, (_, i) => `k${i}: 1`).join(', ')} }\n${Array.from({ length: 1000 }, (_, i) => `b${i}: { <<: *a }`).join('\n')}`,
  'many defaults': `services: { web: { image: '${'${A:-'.repeat(10_000)}x${'}'.repeat(10_000)}' } }`,
  'many braces': `services: { web: { image: '${'${'.repeat(50_000)}' } }`,
  'many dollars': `services: { web: { image: '${'$'.repeat(big)}' } }`,
  'a long chain of extends': `services:\n${Array.from({ length: 2000 }, (_, i) => `  s${i}: { extends: s${i + 1} }`).join('\n')}\n  s2000: { image: x }`,
  'many that extend one': `services:\n  base: { image: x, labels: { ${Array.from({ length: 200 }, (_, i) => `l${i}: a`).join(', ')} } }\n${Array.from({ length: 1000 }, (_, i) => `  s${i}: { extends: base, labels: { x: a } }`).join('\n')}`,
  'a long chain of needs': `services:\n${Array.from({ length: 1500 }, (_, i) => `  s${i}: { image: x, depends_on: [s${i + 1}] }`).join('\n')}\n  s1500: { image: x }`,
  'many ranges': `services: { web: { image: x, ports: [${"'1-5000:1-5000',".repeat(1000)}] } }`,
  'many includes': `include: [${'a.yaml,'.repeat(3000)}]`,
  'a long line of the environment': `services: { web: { image: x, environment: ['${'A'.repeat(100_000)}'] } }`,
}

const lots = 60_000

/** The same for environment files. */
export const dotenvBombs: Record<string, string> = {
  'a long name': 'A'.repeat(lots),
  'a name and spaces': `A${' '.repeat(lots)}`,
  'many lines': 'A=1\n'.repeat(lots / 4),
  'many quotes': `A="${'\\"'.repeat(lots / 2)}`,
  'many variables': `A=${'$A'.repeat(lots / 2)}`,
  'a value that doubles': Array.from({ length: 60 }, (_, i) => `A${i + 1}=$A${i}$A${i}`)
    .join('\n')
    .replace('$A0$A0', 'xx'),
  comments: '#\n'.repeat(lots / 2),
}
