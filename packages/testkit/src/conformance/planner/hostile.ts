import assert from 'node:assert/strict'
import { evidenceSchema, reasonSchema } from '@appaloft/core/spec'
import { contextOf, evidenceOf, outcomeOf, type PlannerSample, plannerCase, reasonsOf } from './kit.js'

const big = 2 * 1024 * 1024
const polluting = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}'

/** Texts that no file should hold, and that any may. */
const garbage: Record<string, (text: string) => string> = {
  empty: () => '',
  'a byte-order mark': (text) => `\uFEFF${text}`,
  'a NUL': (text) => `\0${text}`,
  'half of it': (text) => text.slice(0, text.length / 2),
  'not JSON': () => '{ "name": ',
  null: () => 'null',
  'a list': () => '[1, null, []]',
  'a string': () => '"text"',
  polluting: () => `${polluting}}`,
  '2 MB': () => 'x'.repeat(big),
  'deep nesting': () => '['.repeat(100_000),
}

const manifests: Record<string, string> = {
  'not JSON': '{ "name": ',
  'scripts not an object': '{"scripts":"start","dependencies":7,"engines":[],"workspaces":true,"packageManager":{}}',
  'scripts not strings': '{"name":{},"scripts":{"start":1,"build":null},"dependencies":{"express":{}},"main":[]}',
  'null everywhere': '{"scripts":null,"dependencies":null,"devDependencies":null,"engines":null,"packageManager":null}',
  polluting: `${polluting},"scripts":{"__proto__":"x","constructor":"y","toString":"z"},"dependencies":{"__proto__":"1"}}`,
  '2 MB': `{"scripts":{"start":"${'x'.repeat(big)}"}}`,
}

function* hostileSamples(samples: readonly PlannerSample[]): Generator<PlannerSample> {
  for (const sample of samples) {
    const base = sample.baseDirectory === undefined || sample.baseDirectory === '.' ? '' : `${sample.baseDirectory}/`
    for (const path of Object.keys(sample.files)) {
      if (path.endsWith('/')) continue
      for (const [name, change] of Object.entries(garbage)) {
        const files = { ...sample.files, [path]: change(sample.files[path] ?? '') }
        yield { ...sample, name: `${sample.name}, ${path}: ${name}`, files }
      }
    }
    for (const [name, text] of Object.entries(manifests)) {
      const files = { ...sample.files, [`${base}package.json`]: text }
      yield { ...sample, name: `${sample.name}, package.json: ${name}`, files }
    }
  }
  for (const [name, text] of Object.entries(manifests)) yield { name, files: { 'package.json': text } }
}

export const hostileCases = [
  plannerCase('planner.hostile', 'Whatever the files hold, a planner answers and does not throw', async (subject) => {
    const planner = subject.create()
    for (const sample of hostileSamples([...subject.claimed, ...subject.blocked])) {
      const outcome = await outcomeOf(planner, contextOf(sample)).catch((error: unknown) =>
        assert.fail(`${sample.name}: ${error instanceof Error ? error.message : String(error)}`),
      )
      for (const evidence of evidenceOf(outcome)) {
        evidenceSchema.parse(evidence)
        assert.ok(JSON.stringify(evidence.value ?? null).length <= 4096, `${sample.name}: evidence is too long`)
      }
      for (const reason of reasonsOf(outcome)) reasonSchema.parse(reason)
      assert.equal(({} as { polluted?: unknown }).polluted, undefined, `${sample.name}: objects are polluted`)
    }
  }),
]
