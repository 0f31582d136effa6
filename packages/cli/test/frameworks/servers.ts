import type { RealApp } from './app.js'
import { echo, server } from './rows.js'

/** Servers without a frontend framework. */
export const servers: readonly RealApp[] = [
  {
    name: 'express',
    versions: ['express'],
    plan: server('express'),
    asks: [echo('Express answers'), { path: '/nothing', status: 404 }],
    asset: /\.css$/,
  },
  {
    name: 'express-typescript',
    versions: ['express', 'typescript'],
    plan: server('express'),
    asks: [echo('Compiled for'), { path: '/sum/20/22', text: ['{"sum":42}'] }],
    everyRun: true,
  },
  {
    name: 'fastify',
    versions: ['fastify'],
    plan: server('fastify'),
    asks: [echo('"framework":"fastify"'), { path: '/double/21', text: ['{"double":42}'], type: 'application/json' }],
    everyRun: true,
  },
  {
    name: 'koa',
    versions: ['koa'],
    plan: server('koa'),
    asks: [echo('<h1>Koa</h1>'), { path: '/api/time', text: [new Date().toISOString().slice(0, 4)] }],
  },
  {
    name: 'hono',
    versions: ['hono', '@hono/node-server'],
    plan: server('hono'),
    asks: [echo('<h1>Hono</h1>'), { path: '/api/{nonce}', text: ['{"name":"{nonce}"}'] }],
    everyRun: true,
  },
  {
    name: 'hapi',
    versions: ['@hapi/hapi'],
    plan: server('hapi'),
    asks: [echo('Hapi answers'), { path: '/users/{nonce}', text: ['{"id":"{nonce}"}'] }],
  },
  {
    name: 'plain-server',
    versions: [],
    plan: { kind: 'workspace', tier: 'generic' },
    asks: [echo('Node alone'), { path: '/nothing', status: 404 }],
  },
  {
    name: 'procfile',
    versions: ['mime'],
    plan: { kind: 'workspace', tier: 'generic', warnings: ['other-processes'] },
    asks: [echo('from the Procfile'), { path: '/a.css', type: 'text/css' }],
  },
  {
    name: 'nest',
    versions: ['@nestjs/core', '@nestjs/cli'],
    plan: { ...server('nest'), warnings: ['development-start', 'no-lockfile'] },
    asks: [echo('Nest greets'), { path: '/items/{nonce}', text: ['{"id":"{nonce}"}'] }],
  },
  {
    name: 'nitro',
    versions: ['nitropack'],
    plan: { ...server('nitro'), warnings: ['no-lockfile'] },
    asks: [echo('Nitro answers'), { path: '/double/21', text: ['42'], type: 'application/json' }],
  },
  {
    name: 'h3',
    versions: ['h3'],
    plan: server('h3'),
    asks: [echo('h3 answers'), { path: '/double/21', text: ['42'], type: 'application/json' }],
  },
  {
    name: 'adonis',
    versions: ['@adonisjs/core'],
    profile: {
      environment: {
        APP_KEY: { value: 'only-for-this-test-0123456789abcdef', secret: true },
        HOST: { value: '127.0.0.1' },
        NODE_ENV: { value: 'production' },
      },
    },
    plan: server('adonis'),
    asks: [echo('Adonis answers'), { path: '/items/{nonce}', text: ['{"id":"{nonce}"}'] }],
  },
]
