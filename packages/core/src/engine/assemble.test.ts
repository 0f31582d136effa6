import { describe, expect, it } from 'vitest'
import type { PlanDraft } from '../spec/planner.js'
import type { ResourceSnapshot } from '../spec/profiles.js'
import { assemble } from './assemble.js'

const draft: PlanDraft = {
  artifact: { kind: 'compose-project', composeFiles: ['compose.yaml'], services: ['web'], targetServiceName: 'web' },
  commands: {},
  network: { internalPort: 3000, from: 'planner', honoursPort: false, targetServiceName: 'web' },
  evidence: [],
  warnings: [],
}
const assembled = (network: ResourceSnapshot['network']) =>
  assemble({
    definition: { id: 'res_shop', source: { kind: 'local-folder', path: '.' }, network },
    draft,
    planner: { key: 'compose', supportTier: 'container-native', reason: 'a file' },
    source: { kind: 'local-folder', digest: 'x', baseDirectory: '.' },
    target: null,
  }).plan.network

describe('the network of a plan', () => {
  it('names the service that the planner found, unless the profile names one', () => {
    expect(assembled({})).toMatchObject({ targetServiceName: 'web', internalPort: 3000, from: 'planner' })
    expect(assembled({ targetServiceName: 'api' })).toMatchObject({ targetServiceName: 'api' })
  })
})
