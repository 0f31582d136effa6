import { BuildSigns } from '@appaloft/core/spec'
import { samplePlan } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import { buildFailure } from './failure.js'

const settings = { cli: 'docker', siteImage: 'caddy:2-alpine' }
const failed = (image: string, why: string) => ({
  step: `[internal] load metadata for ${image}`,
  lines: [],
  signs: new BuildSigns(),
  error: `failed to solve: ${image}: ${why}`,
  exitCode: null,
})
const unreachable = 'failed to do request: dial tcp: lookup r.example on 10.0.0.1:53: no such host'
const workspace = { kind: 'workspace', installDirectory: '.', workingDirectory: '.' } as const
const site = { kind: 'static-site', publishDirectory: 'dist', spaFallback: false } as const
const own = { kind: 'dockerfile', dockerfilePath: 'Dockerfile', context: '.' } as const

it.each([
  ['a workspace', workspace, 'docker.io/library/node:22-slim', 'runtime.runtimeVersion'],
  ['a site that is built', site, 'docker.io/library/node:22-slim', 'runtime.runtimeVersion'],
  ['a site, what serves it', site, 'docker.io/library/caddy:2-alpine', null],
  ['a Dockerfile', own, 'r.example/base:1', 'runtime.dockerfilePath'],
])('names what chose the base image of %s', (_, artifact, image, profileField) => {
  const error = buildFailure(failed(image, unreachable), samplePlan({ artifact }), settings)
  expect(error).toMatchObject({ code: 'registry-unreachable', details: { image, profileField } })
  expect(error.recoveryHint).toMatch(profileField === null ? /siteImage/ : /registry/)
})

it('says what to do where programs of another processor cannot run', () => {
  const step = { step: '[2/3] RUN npm ci', exitCode: 1, signs: new BuildSigns(), error: 'did not complete' }
  const lines = ['exec /bin/sh: exec format error']
  const plan = samplePlan({ artifact: own })
  expect(buildFailure({ ...step, lines }, plan, settings, 'linux/arm64')).toMatchObject({
    code: 'unsupported-runtime-target',
    details: { platform: 'linux/arm64', lastLogs: lines },
    recoveryHint: expect.stringContaining("build of the target to 'remote'"),
  })
  expect(buildFailure({ ...step, lines }, plan, settings).code).toBe('build-failed')
  expect(buildFailure({ ...step, lines: ['no such file'] }, plan, settings, 'linux/arm64').code).toBe('build-failed')
})
