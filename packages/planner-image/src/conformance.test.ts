import { join } from 'node:path'
import { type PlannerSubject, plannerConformance, plannerFixtures } from '@appaloft/testkit'
import { describe, it } from 'vitest'
import { image } from './index.js'

const samples = new Map(plannerFixtures(join(import.meta.dirname, '../fixtures')).map((one) => [one.name, one.sample]))
const named = (...names: string[]) => names.map((name) => samples.get(name)!)

const subject: PlannerSubject = {
  create: image,
  claimed: named('official', 'without-tag', 'registry-with-port', 'tag-and-digest', 'commands-of-the-profile'),
  blocked: named('no-port', 'scheme', 'credentials', 'empty', 'long-tag', 'dockerfile-beside'),
  foreign: [
    ...named('a-folder', 'another-planner'),
    { name: 'a folder by that planner', files: {}, profiles: { runtime: { planner: 'image' } } },
    { name: 'a Compose file', files: {}, source: { kind: 'compose-file', path: 'compose.yaml' } },
  ],
}

describe('the conformance of image', () => {
  it.each(plannerConformance.map((one) => [one.id, one] as const))('%s', async (_id, one) => one.run(subject))
})
