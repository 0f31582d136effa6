import { join } from 'node:path'
import { type PlannerSubject, plannerConformance, plannerFixtures } from '@appaloft/testkit'
import { describe, it } from 'vitest'
import { dockerfile } from './index.js'

const samples = new Map(plannerFixtures(join(import.meta.dirname, '../fixtures')).map((one) => [one.name, one.sample]))
const named = (...names: string[]) => names.map((name) => samples.get(name)!)

const subject: PlannerSubject = {
  create: dockerfile,
  claimed: named(
    ...[
      'single-expose',
      'inherited-port',
      'heredocs',
      'ignored-with-exception',
      'context-of-the-root',
      'dockerfile-prod',
    ],
    ...['build-target-by-number', 'path-in-the-profile', 'start-and-release-command', 'development-last', 'onbuild'],
  ),
  blocked: named(
    ...['no-expose', 'several-ports', 'path-that-is-not-there', 'build-target-missing', 'unknown-instruction', 'empty'],
    ...[
      'missing-source',
      'ignored-source',
      'commands-of-the-profile',
      'secret-through-arg',
      'scratch-that-starts-nothing',
    ],
  ),
  foreign: [
    { name: 'a Node application', files: { 'package.json': '{}', 'index.js': '' } },
    { name: 'a folder of that name', files: { 'Dockerfile/readme.md': '' } },
    { name: 'texts', files: { 'docs/Dockerfile.md': '', 'Dockerfile.dockerignore': '', 'dockerfile.txt': '' } },
    { name: 'another planner', files: { Dockerfile: 'FROM a' }, profiles: { runtime: { planner: 'node' } } },
    {
      name: 'Compose files asked for',
      files: { Dockerfile: 'FROM a' },
      profiles: { runtime: { composeFiles: ['a.yml'] } },
    },
    { name: 'an image', files: {}, source: { kind: 'docker-image', image: 'nginx' } },
    { name: 'a Compose file', files: { Dockerfile: 'FROM a' }, source: { kind: 'compose-file', path: 'compose.yaml' } },
    ...named('several-variants', 'only-for-development', 'beside-package-json-with-commands'),
  ],
}

describe('the conformance of dockerfile', () => {
  it.each(plannerConformance.map((one) => [one.id, one] as const))('%s', async (_id, one) => one.run(subject))
})
