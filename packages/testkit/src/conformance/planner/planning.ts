import assert from 'node:assert/strict'
import {
  type Artifact,
  artifactSchema,
  commandsSchema,
  frameworkSchema,
  isBlocked,
  reasonSchema,
  runtimeSchema,
} from '@appaloft/core/spec'
import { assertJson, contextOf, outcomeOf, planned, plannerCase } from './kit.js'

const commandFields = {
  install: 'installCommand',
  build: 'buildCommand',
  package: 'packageCommand',
  release: 'releaseCommand',
  start: 'startCommand',
} as const

/** The paths of an artifact, all of them relative and inside. */
function pathsOf(artifact: Artifact): string[] {
  switch (artifact.kind) {
    case 'static-site':
      return [artifact.publishDirectory, artifact.installDirectory ?? '.']
    case 'workspace':
      return [artifact.installDirectory, artifact.workingDirectory]
    case 'dockerfile':
      return [artifact.dockerfilePath, artifact.context]
    case 'compose-project':
      return artifact.composeFiles
    case 'image':
      return []
  }
}

const inside = (path: string): boolean => !path.startsWith('/') && !path.split('/').includes('..')

export const planCases = [
  plannerCase('planner.plan.artifact', 'A plan has the artifact that its claim promised', async (subject) => {
    for (const sample of subject.claimed) {
      const { claim, draft } = await planned(subject.create(), sample)
      const artifact = artifactSchema.parse(draft.artifact)
      assert.equal(artifact.kind, claim.artifactKind, `${sample.name}: the kind that was claimed`)
      for (const path of pathsOf(artifact)) assert.ok(inside(path), `${sample.name}: ${path} leaves the source`)
    }
  }),

  plannerCase('planner.plan.shape', 'A plan is JSON of the shapes of the contract', async (subject) => {
    for (const sample of subject.claimed) {
      const { draft } = await planned(subject.create(), sample)
      assertJson(draft, sample.name)
      commandsSchema.parse(draft.commands)
      if (draft.framework !== undefined) frameworkSchema.parse(draft.framework)
      if (draft.runtime !== undefined) runtimeSchema.parse(draft.runtime)
      for (const warning of draft.warnings) reasonSchema.parse(warning)
      const { internalPort, from } = draft.network
      assert.equal(internalPort === undefined, from === 'none', `${sample.name}: a port comes from somewhere`)
    }
  }),

  plannerCase('planner.profile.commands', 'Commands of the profile win, and say so', async (subject) => {
    let taken = 0
    for (const sample of subject.claimed) {
      for (const [name, field] of Object.entries(commandFields)) {
        const command = ['conformance', name]
        const context = contextOf(sample, { runtime: { [field]: command } })
        const outcome = await outcomeOf(subject.create(), context)
        // A planner may refuse a command that its artifact has no place for, but not pass over it.
        if (outcome.claim === null || isBlocked(outcome.result)) continue
        const plannedCommand = outcome.result.commands[name as keyof typeof commandFields]
        assert.deepEqual(plannedCommand, { command, from: 'profile' }, `${sample.name}: ${field}`)
        taken += 1
      }
      const without = await planned(subject.create(), sample)
      for (const [name, one] of Object.entries(without.draft.commands)) {
        const given = sample.profiles?.runtime?.[commandFields[name as keyof typeof commandFields]]
        assert.equal(one.from, given === undefined ? 'planner' : 'profile', `${sample.name}: whose command is ${name}?`)
      }
    }
    assert.ok(taken > 0, 'no source takes any command')
  }),

  plannerCase('planner.profile.port', 'A port of the profile wins, and says so', async (subject) => {
    for (const sample of subject.claimed) {
      const context = contextOf(sample, { network: { internalPort: 4321, honoursPort: false } })
      const outcome = await outcomeOf(subject.create(), context)
      if (outcome.claim === null || isBlocked(outcome.result)) assert.fail(`${sample.name}: a port blocks nothing`)
      const { internalPort, from, honoursPort } = outcome.result.network
      assert.deepEqual({ internalPort, from, honoursPort }, { internalPort: 4321, from: 'profile', honoursPort: false })
    }
  }),

  plannerCase('planner.blocked', 'A blocked plan says why and what to do', async (subject) => {
    for (const sample of subject.blocked) {
      const outcome = await outcomeOf(subject.create(), contextOf(sample))
      assert.ok(outcome.claim !== null, `${sample.name}: must be claimed`)
      const { result } = outcome
      if (!isBlocked(result)) assert.fail(`${sample.name}: must be blocked`)
      assertJson(result, sample.name)
      assert.ok(result.blocked.length > 0, `${sample.name}: a reason`)
      for (const one of result.blocked) {
        const { code, phase, message, fixPath, overridePath } = reasonSchema.parse(one)
        assert.ok(phase === 'detect' || phase === 'plan', `${sample.name}: ${code} in ${phase}`)
        assert.ok(message.trim() !== '', `${sample.name}: ${code} without a message`)
        assert.ok(fixPath.length + overridePath.length > 0, `${sample.name}: ${code} without a way out`)
      }
    }
  }),
]
