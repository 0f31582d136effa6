import assert from 'node:assert/strict'
import {
  artifactSchema,
  basisSchema,
  canonicalJson,
  evidenceSchema,
  type PlannerContext,
  type SourceTree,
  supportTierSchema,
} from '@appaloft/core/spec'
import { assertJson, contextOf, evidenceOf, outcomeOf, type PlannerSample, plannerCase } from './kit.js'

const artifactKinds = artifactSchema.options.map((option) => option.shape.kind.value)

/** The same tree whose lists come in the other order. */
function reversed(tree: SourceTree): SourceTree {
  return {
    has: tree.has,
    readText: tree.readText,
    list: async (directory) => (await tree.list(directory)).reverse(),
    glob: async (pattern, options) => (await tree.glob(pattern, options)).reverse(),
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const one of Object.values(value)) deepFreeze(one)
  }
  return value
}

const frozen = ({ signal, ...context }: PlannerContext): PlannerContext =>
  Object.freeze({ ...deepFreeze(context), signal })

/** The same source one folder deeper. */
const deeper = (sample: PlannerSample): PlannerSample => ({
  ...sample,
  name: `${sample.name}, one folder deeper`,
  baseDirectory:
    sample.baseDirectory === undefined || sample.baseDirectory === '.' ? 'deep' : `deep/${sample.baseDirectory}`,
  files: Object.fromEntries(Object.entries(sample.files).map(([path, text]) => [`deep/${path}`, text])),
})

export const detectCases = [
  plannerCase('planner.identity', 'The planner tells version and key, each instance the same', async (subject) => {
    const planner = subject.create()
    assert.equal(planner.specVersion, 1)
    assert.match(planner.key, /^[a-z0-9]+(?:[-.][a-z0-9]+)*$/)
    assert.equal(subject.create().key, planner.key)
  }),

  plannerCase('planner.detect.empty', 'An empty source is nobody’s', async (subject) => {
    assert.equal(await subject.create().detect(contextOf({ name: 'empty', files: {} })), null)
    const inFolder = { name: 'empty folder', files: { 'app/': '' }, baseDirectory: 'app' }
    assert.equal(await subject.create().detect(contextOf(inFolder)), null)
  }),

  plannerCase('planner.detect.foreign', 'The sources of others are not claimed', async (subject) => {
    assert.ok(subject.foreign.length > 0, 'the subject names no foreign source')
    for (const sample of subject.foreign) {
      assert.equal(await subject.create().detect(contextOf(sample)), null, `${sample.name}: must not be claimed`)
    }
  }),

  plannerCase('planner.detect.claim', 'A claim says on what it rests and what it becomes, in JSON', async (subject) => {
    assert.ok(subject.claimed.length > 0, 'the subject names no source of its own')
    for (const sample of [...subject.claimed, ...subject.blocked]) {
      const claim = await subject.create().detect(contextOf(sample))
      assert.ok(claim !== null, `${sample.name}: must be claimed`)
      assertJson(claim, sample.name)
      basisSchema.parse(claim.basis)
      supportTierSchema.parse(claim.supportTier)
      assert.ok(artifactKinds.includes(claim.artifactKind), `${sample.name}: no such kind: ${claim.artifactKind}`)
      assert.ok(claim.reason.trim() !== '' && claim.reason.length <= 500, `${sample.name}: a reason in one sentence`)
      assert.ok(!claim.reason.includes('\n'), `${sample.name}: a reason in one line`)
    }
  }),

  plannerCase('planner.deterministic', 'Repeated and concurrent calls give the same answer', async (subject) => {
    const planner = subject.create()
    for (const sample of [...subject.claimed, ...subject.blocked]) {
      const first = canonicalJson(await outcomeOf(planner, contextOf(sample)))
      const context = contextOf(sample)
      const more = await Promise.all(
        [planner, planner, subject.create()].map((one) => outcomeOf(one, context).then(canonicalJson)),
      )
      for (const one of more) assert.equal(one, first, sample.name)
    }
  }),

  plannerCase('planner.order', 'The order in which files are listed changes nothing', async (subject) => {
    for (const sample of [...subject.claimed, ...subject.blocked]) {
      const context = contextOf(sample)
      const other = { ...context, tree: reversed(context.tree), root: reversed(context.root) }
      const [one, two] = [await outcomeOf(subject.create(), context), await outcomeOf(subject.create(), other)]
      assert.equal(canonicalJson(two), canonicalJson(one), sample.name)
    }
  }),

  plannerCase('planner.context', 'What a planner is given is read only', async (subject) => {
    for (const sample of [...subject.claimed, ...subject.blocked]) {
      const expected = await outcomeOf(subject.create(), contextOf(sample))
      const answer = await outcomeOf(subject.create(), frozen(contextOf(structuredClone(sample))))
      assert.equal(canonicalJson(answer), canonicalJson(expected), sample.name)
    }
  }),

  plannerCase('planner.evidence', 'Evidence is bounded and names files that exist, from the root', async (subject) => {
    const samples = [...subject.claimed, ...subject.blocked]
    for (const sample of [...samples, ...samples.map(deeper)]) {
      const context = contextOf(sample)
      const all = evidenceOf(await outcomeOf(subject.create(), context))
      for (const evidence of all) {
        const at = `${sample.name}: ${evidence.signal}`
        evidenceSchema.parse(evidence)
        assert.ok(JSON.stringify(evidence.value ?? null).length <= 4096, `${at}: the value is too long`)
        const { file } = evidence
        if (file === undefined) continue
        const exists = (await context.root.has(file)) || (await context.root.has(`${file}/`))
        assert.ok(exists, `${at}: ${file} is not in the source`)
      }
    }
  }),
]
