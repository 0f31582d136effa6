import { posix } from 'node:path'
import { nitro } from './nuxt.js'
import type { Framework, Mode, Project } from './types.js'

type Json = Record<string, unknown>
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}

async function json(project: Project, file: string): Promise<Json> {
  try {
    return object(JSON.parse(((await project.text(file)) ?? 'null').replace(/^\uFEFF/, '')))
  } catch {
    return {}
  }
}

/** Nest compiles to the directory of its TypeScript configuration; in a monorepo each application to one of its own. */
async function nest(project: Project): Promise<Mode> {
  const cli = await json(project, 'nest-cli.json')
  const file = typeof cli.entryFile === 'string' ? cli.entryFile : 'main'
  const named = project.build.find((argv) => argv[0] === 'nest' && argv[1] === 'build')?.[2]
  const projects = object(cli.projects)
  const name =
    named !== undefined && projects[named] ? named : typeof cli.root === 'string' ? posix.basename(cli.root) : undefined
  const inMonorepo = cli.monorepo === true && name !== undefined
  const tsconfig = await project.configOf('tsconfig.build.json', 'tsconfig.json')
  const set = tsconfig?.path('compilerOptions.outDir') ?? { state: 'absent' }
  const output = set.state === 'known' ? String(set.value) : 'dist'
  const place = inMonorepo ? object(projects[name]).root : ''
  const root = typeof place === 'string' ? place : `apps/${name}`
  return { kind: 'server', start: ['node', posix.join(output, root, file)] }
}

/** Adonis is started from what it was built to: what the script starts in the source is not compiled. */
async function adonis(project: Project): Promise<Mode> {
  const modern = project.major >= 6 || (await project.has('bin/server.ts'))
  const start = ['node', modern ? 'build/bin/server.js' : 'build/server.js']
  return {
    kind: 'server',
    start,
    instead: /(?:^|\s)node\s+(?:\.\/)?(?:bin\/)?server(?:\.js)?\s*$|node ace serve/,
    port: 3333,
    ...(modern ? {} : { build: { scripts: ['build'], argv: ['node', 'ace', 'build', '--production'] } }),
  }
}

/** Medusa 2 is started from a package of its own that the build writes. */
const medusa = (project: Project): Mode =>
  project.major === 1
    ? { kind: 'server', start: ['medusa', 'start'], port: 9000 }
    : {
        kind: 'server',
        start: ['npm', '--prefix', '.medusa/server', 'run', 'start'],
        instead: /(?:^|\s)medusa start/,
        port: 9000,
      }

const own = (
  name: string,
  packages: string[],
  programs: string[],
  build: string[] | undefined,
  start: string[],
  port?: number,
  more: Partial<Framework> = {},
): Framework => ({
  name,
  packages,
  programs,
  files: 'dependency',
  ...(build ? { build } : {}),
  start,
  ...(port === undefined ? {} : { port }),
  servers: programs,
  ...more,
})

/** Applications on servers that have a command line of their own. */
export const servers: readonly Framework[] = [
  own('nest', ['@nestjs/core'], ['nest'], ['nest', 'build'], ['node', 'dist/main'], undefined, { mode: nest }),
  own('adonis', ['@adonisjs/core'], ['ace'], ['node', 'ace', 'build'], ['node', 'build/bin/server.js'], 3333, {
    mode: adonis,
  }),
  own('strapi', ['@strapi/strapi', 'strapi'], ['strapi'], ['strapi', 'build'], ['strapi', 'start'], 1337),
  own('medusa', ['@medusajs/medusa'], ['medusa'], ['medusa', 'build'], ['medusa', 'start'], 9000, { mode: medusa }),
  own(
    'keystone',
    ['@keystone-6/core', '@keystone-next/keystone'],
    ['keystone', 'keystone-next'],
    ['keystone', 'build'],
    ['keystone', 'start'],
    3000,
  ),
  own('directus', ['directus'], ['directus'], undefined, ['directus', 'start'], 8055),
  own('mastra', ['mastra'], ['mastra'], ['mastra', 'build'], ['mastra', 'start'], 4111, { packages: ['mastra'] }),
  own('sails', ['sails'], ['sails'], undefined, ['node', 'app.js'], 1337),
  own('moleculer', ['moleculer'], ['moleculer-runner'], undefined, ['moleculer-runner', 'services'], undefined, {
    mode: (project) => ({
      kind: 'server',
      start: ['moleculer-runner', 'services'],
      ...(project.uses('moleculer-web') === undefined ? {} : { port: 3000 }),
    }),
  }),
  own('razzle', ['razzle'], ['razzle'], ['razzle', 'build'], ['node', 'build/server.js'], 3000),
  own('marko-run', ['@marko/run'], ['marko-run'], ['marko-run', 'build'], ['node', 'dist/index.mjs'], 3000),
  own('actionhero', ['actionhero'], ['actionhero'], undefined, ['actionhero', 'start'], 8080),
  own('probot', ['probot'], ['probot'], undefined, ['probot', 'run', './index.js'], 3000),
  nitro,
]

/** Libraries for servers: the application's own start says how, and its sources where it listens. */
export const libraries: readonly [dependency: string, name: string][] = [
  ['@feathersjs/feathers', 'feathers'],
  ['@loopback/core', 'loopback'],
  ['loopback', 'loopback'],
  ['elysia', 'elysia'],
  ['express', 'express'],
  ['fastify', 'fastify'],
  ['koa', 'koa'],
  ['hono', 'hono'],
  ['@hapi/hapi', 'hapi'],
  ['@hapi/glue', 'hapi'],
  ['h3', 'h3'],
  ['restify', 'restify'],
  ['polka', 'polka'],
  ['@tinyhttp/app', 'tinyhttp'],
  ['hyper-express', 'hyper-express'],
  ['@apollo/server', 'apollo'],
  ['apollo-server', 'apollo'],
  ['graphql-yoga', 'graphql-yoga'],
  ['@trpc/server', 'trpc'],
  ['socket.io', 'socket.io'],
  ['micro', 'micro'],
  ['listhen', 'listhen'],
  ['srvx', 'srvx'],
  ['ws', 'ws'],
]
