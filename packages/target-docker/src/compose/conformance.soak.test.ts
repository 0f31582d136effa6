import {
  applicable,
  fakeProxy,
  nodeSamples,
  type SampleApp,
  type TargetFactory,
  type TargetSamples,
  targetAbilities,
  targetConformance,
} from '@appaloft/testkit'
import { describe, it } from 'vitest'
import { haveEngine, machine, nodeImage, withoutEngine } from '../../test/engine.js'
import { docker } from '../index.js'

// What every target promises of a release holds where the release is a service of a project.

const project = `
services:
  web:
    build:
      context: .
      dockerfile_inline: |
        FROM ${nodeImage}
        WORKDIR /app
        COPY . .
    depends_on: [beside]
  beside:
    image: ${nodeImage}
    init: true
    command: [sleep, '600']
`

const inProject = (app: SampleApp): SampleApp => ({
  artifact: {
    ...{ kind: 'compose-project', composeFiles: ['compose.yaml'] },
    ...{ services: ['web', 'beside'], targetServiceName: 'web' },
  },
  files: { ...app.files, 'compose.yaml': project },
  ...(app.start === undefined ? {} : { start: app.start }),
})

const samples: TargetSamples = {
  ...nodeSamples,
  server: (text) => inProject(nodeSamples.server(text)),
  printing: (names) => inProject(nodeSamples.printing(names)),
  talking: (count) => inProject(nodeSamples.talking(count)),
  exiting: (code, line) => inProject(nodeSamples.exiting(code, line)),
  stubborn: () => inProject(nodeSamples.stubborn()),
  forking: () => inProject(nodeSamples.forking()),
  fixed: (port) => inProject(nodeSamples.fixed(port)),
  worker: () => inProject(nodeSamples.worker()),
}

const factory: TargetFactory = {
  samples,
  patienceMs: 30_000,
  create: () => machine({ proxy: fakeProxy(), pull: 'missing' }),
}

// How a workspace is built, and that its volumes may lie in it, is that kind's own.
const others = /^target\.(?:build|site|volumes)/
const abilities = [...targetAbilities(docker({ proxy: fakeProxy() })), 'fencing:compare', 'files', 'restarts']
const { run } = applicable(targetConformance, abilities)

describe.skipIf(!haveEngine)(`a service of a project as a release ${haveEngine ? '' : withoutEngine}`, () => {
  for (const one of run.filter(({ id }) => !others.test(id)))
    it(`${one.id}: ${one.title}`, () => one.run(factory), 120_000)
})
