import { type PlannerSubject, plannerConformance } from '@appaloft/testkit'
import { describe, it } from 'vitest'
import { node } from './index.js'

const manifest = (fields: object): string => JSON.stringify({ name: 'app', version: '1.0.0', ...fields })
const lock = JSON.stringify({ name: 'app', lockfileVersion: 3, packages: {} })
const server = "import { createServer } from 'node:http'\ncreateServer().listen(process.env.PORT ?? 4000)\n"
const page = '<!doctype html><title>x</title>'

const subject: PlannerSubject = {
  create: node,
  claimed: [
    {
      name: 'a server',
      files: {
        'package.json': manifest({ scripts: { start: 'node server.js' } }),
        'package-lock.json': lock,
        'server.js': server,
      },
    },
    {
      name: 'express in a folder',
      files: {
        'services/api/package.json': manifest({
          scripts: { start: 'node server.js', build: 'tsc' },
          dependencies: { express: '^5.0.0' },
        }),
        'services/api/package-lock.json': lock,
        'services/api/server.js': server,
        'readme.md': '',
      },
      baseDirectory: 'services/api',
    },
    {
      name: 'next',
      files: {
        'package.json': manifest({
          scripts: { build: 'next build', start: 'next start' },
          dependencies: { next: '15.0.0', react: '19.0.0' },
        }),
        'package-lock.json': lock,
      },
    },
  ],
  blocked: [
    { name: 'not JSON', files: { 'package.json': '{ "name": ' } },
    { name: 'nothing to start', files: { 'package.json': manifest({}) } },
  ],
  foreign: [
    { name: 'a page', files: { 'index.html': page } },
    {
      name: 'Compose files of the profile',
      files: { 'package.json': manifest({ scripts: { start: 'node server.js' } }), 'server.js': server },
      profiles: { runtime: { composeFiles: ['compose.yaml'], startCommand: 'node server.js' } },
    },
    { name: 'a Go application', files: { 'go.mod': 'module x', 'main.go': 'package main' } },
  ],
}

describe('the conformance of node', () => {
  it.each(plannerConformance.map((one) => [one.id, one] as const))('%s', async (_id, one) => one.run(subject), 30_000)
})
