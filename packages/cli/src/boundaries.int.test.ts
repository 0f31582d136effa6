import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dyingEngines, rollbackWrites } from '../test/boundaries.js'

const soak = process.env.APPALOFT_SOAK === '1'
const randomInstants = soak ? 300 : 8
const seed = Number(process.env.APPALOFT_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** The deployments to which the processes of the resource belong, whoever their parent is by now. */
function serving(folder: string): (string | undefined)[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      const ours =
        variables.includes('APPALOFT_RESOURCE_ID=res_dies') && readlinkSync(`/proc/${pid}/cwd`).includes(folder)
      if (!ours) return []
      return [variables.find((one) => one.startsWith('APPALOFT_DEPLOYMENT_ID='))?.split('=')[1]]
    } catch {
      return []
    }
  })
}

const { engine, recovered, killedAt, open, end } = dyingEngines({ resourceId: 'res_dies', serving })
beforeAll(open)
afterAll(end)

it.each([
  { mode: 'good', what: 'good' },
  { mode: 'sick', what: 'sick' },
  { mode: 'sours', what: 'found to be sick after its promotion' },
])('an engine killed at every journal boundary of a release that is $what', { timeout: 900_000 }, async ({ mode }) => {
  const { writes } = await engine(mode, 'never')
  await recovered(undefined)
  expect(writes).toBeGreaterThan(10)
  const all = Array.from({ length: writes }, (_, i) => [`before:${i + 1}`, `after:${i + 1}`]).flat()
  // Up to its verification a sick release is killed as a good one is.
  const rolledBack = all.slice(-2 * rollbackWrites)
  // Each release that turns out sick so late takes the patience of the access check twice.
  const moments = mode === 'good' || soak ? all : mode === 'sick' ? rolledBack : rolledBack.filter((_, i) => i % 2)
  const ends = await killedAt(mode, moments)
  if (mode !== 'sours' || soak) expect(ends.interrupted).toBeGreaterThan(2)
  expect(ends[mode === 'good' ? 'succeeded' : 'failed']).toBeGreaterThan(2)
})

it(`an engine killed at ${randomInstants} random instants`, { timeout: 3_600_000 }, async () => {
  console.log(`seed ${seed} (APPALOFT_SEED repeats it)`)
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 2 ** 31
  }
  // From the start of the process to well after the end of an attempt.
  const moments = Array.from({ length: randomInstants }, () => `ms:${Math.floor(150 + random() * 1200)}`)
  await killedAt('good', moments)
})
