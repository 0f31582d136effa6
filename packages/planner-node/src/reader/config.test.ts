import { describe, expect, it } from 'vitest'
import { Config } from './config.js'
import { absent, literal, unknown } from './value.js'

const read = (source: string, path = 'output', file = 'next.config.js') => {
  const setting = new Config(file, source, (name) =>
    name === 'ASKED' ? unknown([name]) : name === 'GIVEN' ? literal('1') : absent,
  ).setting(path)
  return setting.state === 'known' ? setting.value : setting.state
}
const path = (source: string, at = 'dir') => {
  const setting = new Config('x.config.ts', source).path(at)
  return setting.state === 'known' ? setting.value : setting.state
}

describe('settings', () => {
  const cases: [source: string, expected: unknown][] = [
    [`export default { output: 'export' }`, 'export'],
    [`module.exports = { "output": "export" }`, 'export'],
    ['module.exports = { [`x`]: 1, output: `export` }', 'export'],
    [`export default { // output: 'export'\n }`, 'absent'],
    [`export default { /* output: 'export', */ }`, 'absent'],
    [`const text = "output: 'export'"; export default {}`, 'absent'],
    [`const c = { output: 'export' }\nexport default c`, 'export'],
    [`const c: NextConfig = { output: 'export' }; export default c`, 'export'],
    [
      `import type { A } from 'next'\nconst c: Foo<A, 'b'> = { output: 'export' } satisfies A\nexport default c`,
      'export',
    ],
    [`const c = { output: 'export' } as const\nexport default withX(c)`, 'export'],
    [`export default withX({ dest: 'public' })(withY({ output: 'export' }))`, 'export'],
    [`export default withSentry({ output: 'export' }, { output: 'standalone' })`, 'export'],
    [`export default mergeConfig({ output: 'a' }, { output: 'b' })`, 'b'],
    [`export default defineConfig<Options>({ output: 'export' })`, 'export'],
    [
      `export default defineConfig(({ command, mode }) => ({ output: command === 'build' ? 'export' : 'no' }))`,
      'export',
    ],
    [
      `export default defineConfig(async ({ mode }): Promise<X> => { const a = 1; return { output: mode } })`,
      'production',
    ],
    [
      `module.exports = async (phase) => { if (phase === PHASE_DEVELOPMENT_SERVER) { return {} }\n return { output: 'export' } }`,
      'computed',
    ],
    [`const base = { output: 'export' }\nmodule.exports = { ...base, x: 1 }`, 'export'],
    [`const base = { output: 'export' }\nmodule.exports = { ...base, output: undefined }`, 'absent'],
    [`const mode = 'export'\nexport default { output: mode }`, 'export'],
    [`const a = "ex"\nexport default { output: \`\${a}port\` }`, 'export'],
    [`export default { output: process.env.NODE_ENV === 'production' ? 'export' : undefined }`, 'export'],
    [
      `const isProd = process.env.NODE_ENV == "production"\nexport default { ...(isProd && { output: 'export' }) }`,
      'export',
    ],
    [`export default { output: process.env.UNSET === 'true' ? 'export' : undefined }`, 'absent'],
    [`export default { output: process.env.ASKED === 'true' ? 'export' : undefined }`, 'computed'],
    [`export default { ...(process.env.ASKED ? { output: 'export' } : {}) }`, 'computed'],
    [`export default { ...(process.env.GIVEN ? { output: 'export' } : {}) }`, 'export'],
    [`export default { output: process.env.ASKED ? 'export' : 'export' }`, 'export'],
    [`export default { output: where() }`, 'computed'],
    [`const c = {}\nc.output = 'export'\nmodule.exports = c`, 'export'],
    [`const c = {}\nif (process.env.ASKED) { c.output = 'export' }\nmodule.exports = c`, 'computed'],
    [`const c = {}\nif (process.env.UNSET) c.output = 'export'\nmodule.exports = c`, 'absent'],
    [`const make = (o) => ({ output: o })\nexport default make('export')`, 'export'],
    [`function config() { return { output: 'export' } }\nexport default config`, 'export'],
    [`exports.output = 'export'`, 'export'],
    [`export default { nested: { output: 'export' } }`, 'absent'],
    [`export default { output: false }`, false],
    [`export default { async headers() { return [{ output: 'x' }] }, output: 'export' }`, 'export'],
    [`export default { re: /a{2,}\\//, output: 'export' }`, 'export'],
    [
      `export default { webpack: (config, { isServer }) => { if (!isServer) { config.x = 1 } return config }, output: 'export' }`,
      'export',
    ],
    [`const a = b; const b = a; export default { output: a }`, 'computed'],
    [`export default (`, 'computed'],
    [`}}}`, 'absent'],
  ]
  it.each(cases)('%s', (source, expected) => {
    expect(read(source)).toBe(expected)
  })

  it('a phase decides a function', () => {
    const source = `import { PHASE_DEVELOPMENT_SERVER } from 'next/constants'
export default (phase) => { if (phase === PHASE_DEVELOPMENT_SERVER) { return { output: 'a' } } return { output: 'b' } }`
    expect(new Config('n.js', source, undefined, 'phase-production-build').setting('output')).toEqual({
      state: 'known',
      value: 'b',
    })
  })

  it('JSON with comments', () => {
    expect(read('{ // a\n "a": { "b": 3 }, }', 'a.b', 'x.jsonc')).toBe(3)
  })

  it('paths', () => {
    expect(path(`export default { dir: path.resolve(__dirname, '../dist') }`)).toBe('../dist')
    expect(path(`export default { dir: join(process.cwd(), 'a', 'b') }`)).toBe('a/b')
    expect(path(`export default { dir: fileURLToPath(new URL('./site', import.meta.url)) }`)).toBe('site')
    expect(path(`export default { dir: \`\${__dirname}/www\` }`)).toBe('www')
    expect(path(`export default { dir: __dirname + '/www' }`)).toBe('www')
    expect(path(`export default { dir: './a/../b' }`)).toBe('b')
    expect(path(`export default { dir: '/srv/www' }`)).toBe('computed')
  })

  it('plugins by the module that they come from', () => {
    const config = new Config(
      'vite.config.ts',
      `import { reactRouter as rr } from '@react-router/dev/vite'\nconst x = require('y')\nexport default defineConfig({ plugins: [[rr({ ssr: false })], x(), process.env.A && x()] })`,
    )
    const call = config.plugin(/^@react-router\/dev/)
    expect(call?.name).toBe('reactRouter')
    expect(config.setting('ssr', call?.argument)).toEqual({ state: 'known', value: false })
    expect(config.calls('plugins').map((one) => one.from)).toEqual(['@react-router/dev/vite', 'y'])
  })

  it('deep nesting ends', () => {
    const deep = `export default ${'['.repeat(50_000)}`
    expect(new Config('a.js', deep).setting('x')).toEqual({ state: 'absent' })
    expect(new Config('a.js', `export default ${'{a:'.repeat(20_000)}`).setting('x')).toEqual({ state: 'absent' })
    expect(new Config('a.js', `export default ${'(a)=>'.repeat(20_000)}1`).setting('x').state).toBe('computed')
  })
})
