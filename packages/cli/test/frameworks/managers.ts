import type { RealApp } from './app.js'
import { echo, server } from './rows.js'

/** Workspaces, and package managers other than npm. */
export const managers: readonly RealApp[] = [
  {
    name: 'npm-workspace',
    versions: ['fastify'],
    baseDirectory: 'apps/web',
    plan: server('fastify'),
    asks: [echo('From the workspace')],
  },
  {
    name: 'pnpm-workspace',
    versions: ['hono'],
    baseDirectory: 'apps/web',
    plan: { ...server('hono'), manager: 'pnpm' },
    asks: [echo('Compiled in the workspace')],
  },
  {
    name: 'yarn-classic',
    versions: ['koa'],
    plan: { ...server('koa'), manager: 'yarn' },
    asks: [echo('Installed by yarn 1')],
  },
  {
    name: 'yarn-berry',
    versions: ['fastify'],
    plan: { ...server('fastify'), manager: 'yarn-berry' },
    asks: [echo('Installed by yarn')],
  },
  {
    name: 'yarn-pnp',
    versions: ['koa'],
    plan: { ...server('koa'), manager: 'yarn-berry' },
    asks: [echo('Plugged in by yarn')],
  },
  {
    name: 'elysia',
    versions: ['elysia'],
    plan: { ...server('elysia'), manager: 'bun' },
    asks: [echo('Elysia answers'), { path: '/double/21', text: ['{"double":42}'] }],
  },
]
