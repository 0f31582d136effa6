import { isBlocked, type PlannerContext, type Profiles, type SourceTree } from '@appaloft/core/spec'
import { memoryTree } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { node } from '../index.js'

type Files = Record<string, string>

const listens = 'require("http").createServer().listen(process.env.PORT ?? 3000)'
const json = (value: unknown): string => JSON.stringify(value)
const app = (scripts: Files | string, more: object = {}): string =>
  json({ scripts: typeof scripts === 'string' ? { start: scripts } : scripts, ...more })

async function plan(tree: SourceTree, root = tree, baseDirectory = '.', runtime: Profiles['runtime'] = {}) {
  const context: PlannerContext = {
    ...{ tree, root, baseDirectory, source: { kind: 'local-folder', path: '.' }, target: null },
    profiles: {
      ...{ runtime, network: { internalPort: 3000 }, health: undefined, access: {}, environment: {} },
      ...{ volumes: [], binds: [] },
    },
    signal: new AbortController().signal,
  }
  const draft = await node().plan(context, (await node().detect(context))!)
  if (isBlocked(draft)) throw new Error(draft.blocked[0].message)
  return draft
}
const start = async (files: Files) =>
  [(await plan(memoryTree({ 'server.js': listens, ...files }))).commands.start?.command].flat().join(' ')

describe('a start script that is one call of node runs without the package manager', () => {
  const cases: [script: string, expected: string][] = [
    ['node server.js', 'node server.js'],
    ['  node   ./server.js\t', 'node ./server.js'],
    ['node --enable-source-maps server.js', 'node --enable-source-maps server.js'],
    [
      'node -r dotenv/config server.js --cluster=2 a:b@c,d+1%',
      'node -r dotenv/config server.js --cluster=2 a:b@c,d+1%',
    ],
    ['node server', 'node server'],
  ]
  it.each(cases)('%j', async (script, expected) => {
    expect(await start({ 'package.json': app(script) })).toBe(expected)
  })

  it('and the preview says where it comes from', async () => {
    const draft = await plan(memoryTree({ 'package.json': app('node server.js'), 'server.js': listens }))
    expect(draft.commands.start).toEqual({ command: ['node', 'server.js'], from: 'planner' })
    expect(draft.evidence).toContainEqual({
      ...{ kind: 'script', file: 'package.json', signal: 'scripts.start', value: 'node server.js' },
    })
  })

  it('a script of another name has hooks of its own name', async () => {
    const scripts = { start: 'nodemon server.js', 'start:prod': 'node server.js', prestart: 'tsc' }
    expect(await start({ 'package.json': app(scripts) })).toBe('node server.js')
    expect(await start({ 'package.json': app({ ...scripts, 'prestart:prod': 'tsc' }) })).toBe('npm run start:prod')
  })

  it('an output that is built is looked at where it is compiled from', async () => {
    const built = { 'package.json': app({ build: 'tsc', start: 'node dist/index.js' }), 'src/index.ts': listens }
    expect(await start(built)).toBe('node dist/index.js')
    const reads = { ...built, 'src/version.ts': 'export const version = process.env.npm_package_version' }
    expect(await start({ ...reads, 'src/index.ts': `import './version.js'\n${listens}` })).toBe('npm run start')
  })

  it('what the profile says runs as it stands', async () => {
    const tree = memoryTree({ 'package.json': app('node server.js'), 'server.js': listens })
    const draft = await plan(tree, tree, '.', { startCommand: 'npm start' })
    expect(draft.commands.start).toEqual({ command: 'npm start', from: 'profile' })
  })
})

describe('in doubt the package manager runs it', () => {
  const scripts = [
    'node server.js && echo done',
    'node server.js; true',
    'node server.js | cat',
    'node server.js &',
    'node server.js > out.log',
    'node server.js # the server',
    'node server.js $EXTRA',
    'node `cat entry`',
    'node "server.js"',
    "node 'server.js'",
    'node server\\.js',
    'node server.*',
    'node serve?.js',
    'node ~/server.js',
    'node {server,other}.js',
    'node !server.js',
    'node (server.js)',
    'node server.js\nnode other.js',
    'NODE_ENV=production node server.js',
    'cross-env NODE_ENV=production node server.js',
    'exec node server.js',
    './node server.js',
    'node-dev2 server.js',
    'tsx server.js',
    'npm run serve',
    'node',
  ]
  it.each(scripts)('of %j', async (script) => {
    expect(await start({ 'package.json': app({ start: script, serve: 'node server.js' }) })).toBe('npm run start')
  })

  const server = (code: string): Files => ({
    'package.json': app('node server.js'),
    'server.js': `${code}\n${listens}`,
  })
  const plainly = { 'package.json': app('node server.js') }
  const trees: [why: string, files: Files, expected?: string][] = [
    ['a hook before it', { 'package.json': app({ prestart: 'tsc', start: 'node server.js' }) }],
    ['a hook after it', { 'package.json': app({ poststart: 'true', start: 'node server.js' }) }],
    ['a file that is not there', { 'package.json': app({ build: 'make', start: 'node other.js' }) }],
    ['a file outside', { 'package.json': app('node ../server.js') }],
    ['a build whose source is not found', { 'package.json': app({ build: 'make', start: 'node dist/app.js' }) }],
    ['a Node among the dependencies', { 'package.json': app('node server.js', { devDependencies: { node: '22' } }) }],
    ['a Node that the manager fetches', { 'package.json': app('node server.js', { devEngines: { runtime: {} } }) }],
    ['options for Node in .npmrc', { ...plainly, '.npmrc': 'node-options=--max-old-space-size=256' }],
    ['another shell in .npmrc', { ...plainly, '.npmrc': 'script-shell=/bin/bash' }],
    ['settings of a pnpm workspace', { ...plainly, 'pnpm-workspace.yaml': 'useNodeVersion: 22.0.0' }, 'pnpm run start'],
    ['yarn without node_modules', { ...plainly, 'yarn.lock': '', '.pnp.js': '' }, 'yarn run start'],
    ['bun, which reads .env', { ...plainly, 'bun.lock': '' }, 'bun run start'],
    ['a name that npm sets', server('console.log(process.env.npm_package_version)')],
    ['a name that npm sets, as text', server("console.log(process.env['npm_lifecycle_event'])")],
    ['a name that npm sets, taken out', server('const { INIT_CWD } = process.env')],
    ['programs started by name', server("require('node:child_process').exec('prisma migrate deploy')")],
    ['programs started by a package', server("import { execa } from 'execa'")],
    [
      'the same in a module',
      { ...server("require('./jobs')"), 'jobs.js': "module.exports = require('child_process')" },
    ],
  ]
  it.each(trees)('because of %s', async (_why, files, expected = 'npm run start') => {
    expect(await start(files)).toBe(expected)
  })

  it('because of what the root of the workspace says', async () => {
    const files = { 'package.json': app('node server.js'), 'server.js': listens }
    const root = (more: Files) => {
      const inside = Object.fromEntries(Object.entries(files).map(([path, text]) => [`apps/api/${path}`, text]))
      return memoryTree({
        'package-lock.json': '{}',
        'package.json': json({ workspaces: ['apps/*'] }),
        ...inside,
        ...more,
      })
    }
    const startOf = async (more: Files) =>
      [(await plan(memoryTree(files), root(more), 'apps/api')).commands.start?.command].flat().join(' ')
    expect(await startOf({})).toBe('node server.js')
    expect(await startOf({ '.npmrc': 'node-options=--inspect' })).toBe('npm run start')
    const withNode = json({ workspaces: ['apps/*'], dependencies: { node: '22' } })
    expect(await startOf({ 'package.json': withNode })).toBe('npm run start')
  })
})
