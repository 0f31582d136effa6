import type { Plan } from '@appaloft/core/spec'
import { samplePlan } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import { type DockerOptions, docker } from './index.js'

const own = { kind: 'dockerfile', dockerfilePath: 'Dockerfile', context: '.' } as const
const image = { kind: 'image', image: 'nginx:1' } as const
const steps = (artifact: Plan['artifact'], build?: DockerOptions['build']) =>
  docker(build === undefined ? {} : { build })
    .describe(samplePlan({ artifact }))
    .steps.filter(({ step }) => step === 'build' || step === 'upload')

it('says where images are made, and how they come to the machine', () => {
  const [built] = steps(own)
  expect(steps(own)).toEqual([built])
  expect(steps(own, 'remote')).toEqual([built])
  const here = { ...built, title: `${built?.title}, on the engine that builds` }
  const upload = { id: 'upload.image', step: 'upload', when: 'if-changed', reversible: true }
  const sent = { ...upload, title: 'Send the layers that the machine lacks' }
  expect(steps(own, 'local')).toEqual([here, sent])
  expect(steps(image, { context: 'other' })).toEqual([
    expect.objectContaining({ title: 'Pull nginx:1, on the engine that builds' }),
    sent,
  ])
  const registry = 'registry.example.com/team/releases'
  const through = { ...upload, title: `Push to ${registry}, and pull from there on the machine` }
  expect(steps(own, { registry })).toEqual([here, through])
  // The machine pulls it itself.
  expect(steps(image, { registry })).toEqual(steps(image))
})

it('refuses a place that is none, when the target is made', () => {
  expect(() => docker({ build: { registry: 'team' } })).toThrow(
    expect.objectContaining({ code: 'invalid-composition' }),
  )
})
