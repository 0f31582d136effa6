import { type PlannerSubject, plannerConformance } from '@appaloft/testkit'
import { describe, it } from 'vitest'
import { compose } from './index.js'

const web = "services:\n  web:\n    image: example/web\n    ports: ['8080:3000']\n"

const subject: PlannerSubject = {
  create: compose,
  claimed: [
    { name: 'a service', files: { 'compose.yaml': web, '.env': 'A=1\n' } },
    {
      name: 'several files in a folder',
      files: {
        'apps/shop/docker-compose.yml': `include: [../../data/compose.yaml]\n${web}    extends: { file: ../base.yaml, service: base }\n`,
        'apps/shop/docker-compose.override.yml':
          'services:\n  web:\n    env_file: web.env\n    volumes: [./conf:/conf:ro]\n',
        'apps/shop/web.env': 'A=1\n',
        'apps/base.yaml': 'services:\n  base:\n    labels: [a=b]\n',
        'data/compose.yaml': 'services:\n  db:\n    image: postgres:16\n',
      },
      baseDirectory: 'apps/shop',
    },
    {
      name: 'files of the profile',
      files: { 'deploy/compose.prod.yaml': web, 'package.json': '{}' },
      profiles: { runtime: { composeFiles: ['deploy/compose.prod.yaml'] } },
    },
    {
      name: 'a source of its own kind',
      files: { 'stack.yaml': web },
      source: { kind: 'compose-file', path: '/somewhere/stack.yaml' },
    },
  ],
  blocked: [
    { name: 'not YAML', files: { 'compose.yaml': 'services: [' } },
    { name: 'no port', files: { 'compose.yaml': 'services: { web: { image: x } }' } },
    { name: 'two services', files: { 'compose.yml': 'services: { a: { image: x }, b: { image: x } }' } },
    { name: 'no file', files: { 'a.txt': '' }, profiles: { runtime: { composeFiles: ['x'.repeat(9000)] } } },
    { name: 'a build command', files: { 'compose.yaml': web }, profiles: { runtime: { buildCommand: 'make' } } },
    { name: 'the planner by name', files: { 'a.txt': '' }, profiles: { runtime: { planner: 'compose' } } },
  ],
  foreign: [
    { name: 'texts', files: { 'readme.md': '# x', 'docs/compose.yaml': web } },
    { name: 'another name', files: { 'compose.prod.yaml': web, 'package.json': '{}' } },
    { name: 'another planner', files: { 'compose.yaml': web }, profiles: { runtime: { planner: 'node' } } },
    { name: 'an image', files: { 'compose.yaml': web }, source: { kind: 'docker-image', image: 'x' } },
  ],
}

describe('the conformance of compose', () => {
  it.each(plannerConformance.map((one) => [one.id, one] as const))('%s', async (_id, one) => one.run(subject))
})
