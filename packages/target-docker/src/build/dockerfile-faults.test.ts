import { expect, it } from 'vitest'
import { dockerfileFault } from './dockerfile-faults.js'

const fault = (step: string, error: string, lines: string[] = []) =>
  dockerfileFault({ step, error, lines, message: 'The step failed.' })

it.each([
  ['secret NPM_TOKEN not found: not found', 'environment', /NPM_TOKEN.*scope build/],
  ['failed to compute cache key: "/dist" not found: not found', 'runtime.dockerfilePath', /\/dist/],
  [
    'failed to calculate checksum of ref k1::x: "/dist/server.js": not found',
    'runtime.dockerfilePath',
    /\/dist\/server\.js/,
  ],
  ['executor failed running [/bin/sh -c false]: exit code: 1', 'runtime.dockerfilePath', /mend that step/],
])('%s is about %s', (error, field, hint) => {
  const found = fault('[final 2/3] COPY dist /srv', error)
  expect(found.profileField).toBe(field)
  expect(found.recoveryHint).toMatch(hint)
})

it('an argument that a step uses and lacks is named; one that it does not use is not', () => {
  const step = '[2/2] RUN test -n "$VERSION" && build $TARGET'
  expect(fault(step, 'exit code: 1', ['sh: VERSION is not set']).recoveryHint).toContain('VERSION')
  expect(fault(step, 'exit code: 1', ['TARGET is required']).profileField).toBe('runtime.buildArgs')
  expect(fault(step, 'exit code: 1', ['OTHER is not set']).profileField).toBe('runtime.dockerfilePath')
})
