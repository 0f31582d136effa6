import { describe, expect, it } from 'vitest'
import { draftOf, type Files } from '../test/planned.js'

async function portOf(files: Files): Promise<number | string> {
  const draft = await draftOf(
    'bun.lock' in files ? files : { 'package-lock.json': '{ "lockfileVersion": 3 }', ...files },
  )
  return typeof draft === 'string' ? draft : (draft.network.internalPort ?? 'none')
}

const app = (scripts: Record<string, string>, more: object = {}) =>
  JSON.stringify({ scripts, dependencies: { express: '^5.0.0' }, ...more })
const listens = (port: number) => `import express from 'express'\nexpress().listen(process.env.PORT ?? ${port})\n`

describe('the source of a built start file', () => {
  it.each<[string, number, Files]>([
    [
      'the input of a bundler in the build script',
      4110,
      {
        'package.json': app({
          build: 'vite build && esbuild backend/main.ts --bundle --platform=node --format=esm --outdir=dist',
          start: 'NODE_ENV=production node dist/main.js',
        }),
        'backend/main.ts': listens(4110),
        'src/main.ts': "document.title = 'page'\n",
      },
    ],
    [
      'the only input, whatever the output is called',
      4120,
      {
        'package.json': app({ build: 'ncc build source/app.ts -o out', start: 'node out/index.js' }),
        'source/app.ts': listens(4120),
      },
    ],
    [
      'a build file that calls the bundler',
      4130,
      {
        'package.json': app({ build: 'tsx tools/build.ts', start: 'node dist/index.cjs' }),
        'tools/build.ts': "await build({ entryPoints: ['site/index.ts'], outfile: 'dist/index.cjs' })\n",
        'site/index.ts': listens(4130),
      },
    ],
    [
      'the configuration of a bundler',
      4140,
      {
        'package.json': app({ build: 'tsup', start: 'node lib/http.mjs' }),
        'tsup.config.ts': "export default { entry: { http: 'modules/http.ts' }, outDir: 'lib' }\n",
        'modules/http.ts': listens(4140),
      },
    ],
    [
      'a TypeScript project that the build script names',
      4150,
      {
        'package.json': app({
          build: 'next build && tsc --project node/tsconfig.json',
          start: 'node compiled/boot.js',
        }),
        'node/tsconfig.json': '{\n  // output\n  "compilerOptions": { "outDir": "../compiled", },\n}\n',
        'node/boot.ts': listens(4150),
      },
    ],
    [
      'a TypeScript project with a root of its own',
      4160,
      {
        'package.json': app({ build: 'tsc', start: 'node dist/source/http/start.js' }),
        'tsconfig.json': '{ "compilerOptions": { "outDir": "./dist", "rootDir": "." } }',
        'source/http/start.ts': listens(4160),
      },
    ],
    [
      'a folder that a build writes',
      4180,
      {
        'package.json': app({ build: 'tsc', start: 'node dist' }),
        'tsconfig.json': '{ "compilerOptions": { "outDir": "dist", "rootDir": "code" } }',
        'code/index.ts': listens(4180),
      },
    ],
    [
      'the main file of the package',
      4190,
      {
        'package.json': app({ start: 'node .' }, { main: 'code/web.js' }),
        'code/web.js': "require('express')().listen(process.env.PORT || 4190)\n",
      },
    ],
    [
      'the only input of a build file, whatever is done with the output then',
      4195,
      {
        'package.json': app({
          build: 'node tools/pack.mjs && node tools/publish.mjs',
          start: 'node --import ./trace.js server.cjs',
        }),
        'tools/pack.mjs': "await build({ entryPoints: ['code/index.ts'], outfile: 'dist/server.cjs' })\n",
        'tools/publish.mjs': "await copyFile('dist/server.cjs', 'server.cjs')\n",
        'trace.js': "console.log('traced')\n",
        'code/index.ts': listens(4195),
      },
    ],
    [
      'what a process file of PM2 starts',
      4170,
      {
        'package.json': app({ start: 'pm2-runtime start ecosystem.config.js' }),
        'ecosystem.config.js': "module.exports = { apps: [{ name: 'web', script: 'bin/web.js' }] }\n",
        'bin/web.js': "require('express')().listen(process.env.PORT || 4170)\n",
      },
    ],
  ])('%s', async (_, port, files) => {
    expect(await portOf(files)).toBe(port)
  })

  it('is not taken for one that another tool builds', async () => {
    expect(
      await portOf({
        'package.json': app({ build: 'esbuild a/one.ts b/two.ts --outdir=dist', start: 'node dist/three.js' }),
        'a/one.ts': listens(4200),
        'b/two.ts': listens(4300),
      }),
    ).toBe('missing-internal-port')
  })
})

describe('imports by name', () => {
  const settings =
    "import { z } from 'zod'\nexport const env = z.object({ PORT: z.coerce.number().default(4410) }).parse(process.env)\n"
  const entry = (from: string) =>
    `import express from 'express'\nimport { env } from '${from}'\nexpress().listen(env.PORT)\n`
  it.each<[string, string, Files]>([
    [
      'paths of tsconfig.json',
      '~/settings',
      { 'tsconfig.json': '{ "compilerOptions": { "paths": { "~/*": ["./src/*"] } } }' },
    ],
    ['a base folder', 'settings', { 'tsconfig.json': '{ "compilerOptions": { "baseUrl": "src" } }' }],
    [
      'one exact path',
      'env',
      { 'tsconfig.json': '{ "compilerOptions": { "baseUrl": ".", "paths": { "env": ["src/settings"] } } }' },
    ],
  ])('%s', async (_, from, more) => {
    const files = {
      'package.json': app({ start: 'tsx src/index.ts' }),
      'src/index.ts': entry(from),
      'src/settings.ts': settings,
    }
    expect(await portOf({ ...files, ...more })).toBe(4410)
  })

  it('imports of package.json', async () => {
    const manifest = app(
      { start: 'node src/index.js' },
      { type: 'module', imports: { '#settings/*': { types: './types/*.d.ts', default: './src/*.js' } } },
    )
    const files = { 'package.json': manifest, 'src/index.js': entry('#settings/env'), 'src/env.js': settings }
    expect(await portOf({ ...files, 'types/env.d.ts': 'export const env: unknown\n' })).toBe(4410)
  })

  it('nothing where no setting says so', async () => {
    const files = {
      'package.json': app({ start: 'tsx src/index.ts' }),
      'src/index.ts': entry('~/settings'),
      'src/settings.ts': settings,
    }
    expect(await portOf(files)).toBe('missing-internal-port')
  })
})

describe('a start that goes to another folder', () => {
  const backend = (line: string): Files => ({
    'backend/package.json': app({ start: line }),
    'backend/server.js': "require('express')().listen(process.env.PORT || 4510)\n",
    'backend/src/server.ts': listens(4520),
    'backend/tsconfig.json': '{ "compilerOptions": { "outDir": "dist", "rootDir": "src" } }',
  })
  it.each<[string, string, number]>([
    ['cd backend && node server.js', '', 4510],
    ['cd backend && npm start', 'node server.js', 4510],
    ['npm start --prefix backend', 'node server.js', 4510],
    ['npm --prefix=backend run start', 'NODE_ENV=production node dist/server.js', 4520],
    ['yarn --cwd backend start', 'node dist/server.js', 4520],
    ['cd ./backend; node server.js', '', 4510],
  ])('%s', async (start, line, port) => {
    expect(await portOf({ 'package.json': app({ start }), ...backend(line) })).toBe(port)
  })

  it('outside the source is no evidence', async () => {
    const files = { 'package.json': app({ start: 'cd ../other && node server.js' }), 'server.js': listens(4600) }
    expect(await portOf(files)).toBe('missing-internal-port')
  })
})

describe('what bun serves', () => {
  it.each<[string, string, number | string]>([
    ['an exported application', "import { Hono } from 'hono'\nconst app = new Hono()\nexport default app\n", 3000],
    ['an exported handler', 'export default { fetch: () => new Response() }\n', 3000],
    ['a handler with a port of its own', 'export default { port: 4700, fetch() {} }\n', 'missing-internal-port'],
    ['anything else', 'const settings = {}\nexport default settings\n', 'missing-internal-port'],
  ])('%s', async (_, source, port) => {
    const files = { 'package.json': app({ start: 'bun src/index.ts' }), 'src/index.ts': source, 'bun.lock': '{}' }
    expect(await portOf(files)).toBe(port)
  })
})
