import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answering } from '../../test/broken/answering.js'
import { type Broken, delay } from '../../test/broken/broken.js'
import { building } from '../../test/broken/building.js'
import { ending } from '../../test/broken/ending.js'
import { pulling } from '../../test/broken/pulling.js'
import { haveEngine, registry, Scene } from '../../test/broken/scene.js'
import { starting } from '../../test/broken/starting.js'

// Applications that are broken in the ways in which real ones are: each has its code, and the setting to change.

const soak = process.env.APPALOFT_SOAK === '1'
const all = [...ending, ...answering, ...starting, ...building, ...pulling]
const chosen = soak ? all : all.filter((one) => one.sample)
const delays: { name: string; ms: number }[] = []
const scene = new Scene()

async function breaks(one: Broken): Promise<void> {
  const { name, code, field, message, log } = one
  const told = await scene.deploy(name, await one.application(scene))
  const { status, failure } = told.deployment
  const hint = one.hint ?? new RegExp((field ?? '').replaceAll('.', '\\.'))
  const said = `${failure?.code} (${failure?.inputs[0]?.profileField}): ${failure?.message}\n${failure?.lastLogs.join('\n')}`
  expect([status, failure?.code, failure?.inputs[0]?.profileField ?? null], said).toEqual(['failed', code, field])
  expect(failure?.recoveryHint).toMatch(hint)
  if (message) expect(failure?.message).toMatch(message)
  if (log) expect(failure?.lastLogs.join('\n')).toContain(log)
  expect(scene.containers()).toEqual([])
  if (soak) delays.push({ name, ms: await delay(one, scene, told) })
}

describe.skipIf(!haveEngine)('broken applications on a Docker Engine (need node scripts/engines.mjs)', () => {
  beforeAll(() => scene.open())
  afterAll(async () => {
    await scene.close()
    for (const { name, ms } of delays.toSorted((a, b) => b.ms - a.ms))
      console.log(`${ms.toFixed(0).padStart(6)} ms  ${name}`)
  })

  for (const one of chosen) {
    const without = one.pushes === true && registry === undefined
    const why = one.pushes === true ? ' (needs the tests’ own registry)' : ''
    it.skipIf(without)(`${one.name}: ${one.code}, ${one.field ?? 'no field'}${why}`, () => breaks(one))
  }
})
