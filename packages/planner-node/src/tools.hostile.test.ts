import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { reasonSchema } from '@appaloft/core/spec'
import { planFixture, plannerFixtures } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { node } from './index.js'

/** Numbers from 0 up to 1, the same ones for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}

const fixtures = plannerFixtures(join(import.meta.dirname, '../fixtures')).filter((one) =>
  one.name.startsWith('tools-'),
)
const odd = [
  ...[
    '',
    '\0',
    '\uFEFF',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    ':',
    ',',
    '\\',
    '&a',
    '*a',
    '!',
    '|',
    '#',
    '${',
    '=',
    '@',
    '/',
    '../',
  ],
  ...[
    'null',
    'true',
    '1e999',
    '__proto__',
    'constructor',
    'toString',
    'workspace:',
    'file:../..',
    '**/'.repeat(40),
    '{a,'.repeat(50),
  ],
  ...['é', '\uD800', 'x'.repeat(5000), '['.repeat(3000), '- '.repeat(2000), '&a [*a,*a]\n', '\r', '\n'],
]

function mutated(text: string, next: () => number): string {
  let out = text
  for (let count = 1 + Math.floor(next() * 3); count > 0; count--) {
    const at = Math.floor(next() * (out.length + 1))
    const length = next() < 0.5 ? 0 : Math.floor(next() * 30)
    out = out.slice(0, at) + odd[Math.floor(next() * odd.length)]! + out.slice(at + length)
  }
  return out
}

const perSeed = 15

describe('hostile files of tools', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))('seed %i', async (seed) => {
    const next = numbers(seed)
    for (let i = 0; i < perSeed; i++) {
      const { sample, name } = fixtures[Math.floor(next() * fixtures.length)]!
      const files = Object.entries(sample.files)
      const [path] = files[Math.floor(next() * files.length)]!
      const changed = Object.fromEntries(
        files.map(([file, text]) => [file, file === path ? mutated(text, next) : text]),
      )
      const { reasons } = await planFixture(node(), { ...sample, files: changed }).catch((cause: unknown) => {
        throw new Error(`${name}: ${path}: ${JSON.stringify(changed[path]?.slice(0, 500))}`, { cause })
      })
      for (const one of reasons) expect(reasonSchema.safeParse(one).success).toBe(true)
    }
  })

  // What would take time that grows with the square of the size does not end within a test's time.
  const repeated: [file: string, text: string][] = [
    ...['{a,', '[', '- ', '&a ', '? ', '\n ', '"'].map((one): [string, string] => ['pnpm-workspace.yaml', one]),
    ...[' ', '\n', '=', 'a b ', '//a:_authToken=', '${'].map((one): [string, string] => ['.npmrc', one]),
    ...[' ', ' #', '{ version', '"'].map((one): [string, string] => ['mise.toml', one]),
    ...['{', '/*', '`${', "'"].map((one): [string, string] => ['rush.json', one]),
    ...['\n ', ' output = "'].map((one): [string, string] => ['prisma/schema.prisma', one]),
  ]
  it.each(repeated)('%s full of %j', async (file, text) => {
    const scripts = { start: 'node server.js', build: 'prisma '.repeat(30_000), preinstall: 'npm --a '.repeat(30_000) }
    const manifest = { scripts, dependencies: { '@prisma/client': '6' }, devDependencies: { prisma: '6' } }
    const files = { 'package.json': JSON.stringify(manifest), [file]: text.repeat(250_000 / text.length) }
    expect((await planFixture(node(), { name: file, files })).plan.claim).not.toBeNull()
  })

  it('no token of the source is in a plan', async () => {
    for (const { sample, planFile } of fixtures) {
      const text = readFileSync(planFile, 'utf8')
      const { outcome } = await planFixture(node(), sample)
      for (const secret of ['hunter2', 'npm_0123456789abcdefghijklmnopqrstuvwxyz', 'token=abc'])
        expect(text + JSON.stringify(outcome)).not.toContain(secret)
    }
  })
})
