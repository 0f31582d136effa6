import { type PlannerSubject, plannerConformance } from '@appaloft/testkit'
import { describe, it } from 'vitest'
import { staticSite } from './index.js'

const page = '<!doctype html><title>x</title>'

const subject: PlannerSubject = {
  create: staticSite,
  claimed: [
    { name: 'a page', files: { 'index.html': page } },
    { name: 'several sites', files: { 'public/index.html': page, 'dist/index.html': page, '_site/index.html': page } },
    {
      name: 'rules of other hosts, in a folder',
      files: {
        'apps/web/public/index.html': page,
        'apps/web/public/200.html': 'other',
        'apps/web/public/_redirects': '/a /b 301\n/* /index.html 200 Country=de\n',
        'apps/web/public/_headers': '/*\n  X-A: b\n',
        'package.json': '{}',
      },
      baseDirectory: 'apps/web',
    },
    {
      name: 'commands of the profile',
      files: { 'site.toml': '', Makefile: '' },
      profiles: { runtime: { publishDirectory: './out/', buildCommand: 'make site' } },
    },
    {
      name: 'the planner by name',
      files: { 'package.json': '{}', 'index.html': page },
      profiles: { runtime: { planner: 'static' } },
    },
  ],
  blocked: [
    { name: 'no directory', files: { 'a.txt': '' }, profiles: { runtime: { publishDirectory: 'public' } } },
    { name: 'outside', files: { 'index.html': page }, profiles: { runtime: { publishDirectory: '../..' } } },
    { name: 'a long path', files: { a: '' }, profiles: { runtime: { publishDirectory: 'x'.repeat(9000) } } },
    { name: 'no index', files: { 'package.json': '{}' }, profiles: { runtime: { planner: 'static' } } },
    {
      name: 'a start command',
      files: { 'index.html': page },
      profiles: { runtime: { planner: 'static', startCommand: 'serve' } },
    },
  ],
  foreign: [
    { name: 'texts', files: { 'readme.md': '# x', 'docs/page.html': page } },
    { name: 'a Node application', files: { 'index.html': page, 'package.json': '{}' } },
    { name: 'a Go application', files: { 'go.mod': 'module x', 'public/index.html': page } },
    {
      name: 'Compose files of the profile',
      files: { 'index.html': page },
      profiles: { runtime: { composeFiles: ['compose.yaml'], publishDirectory: '.' } },
    },
    { name: 'another planner', files: { 'index.html': page }, profiles: { runtime: { planner: 'node' } } },
    { name: 'a start command', files: { 'index.html': page }, profiles: { runtime: { startCommand: 'serve' } } },
  ],
}

describe('the conformance of staticSite', () => {
  it.each(plannerConformance.map((one) => [one.id, one] as const))('%s', async (_id, one) => one.run(subject))
})
