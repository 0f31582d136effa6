import { isBlocked, reasonSchema } from '@appaloft/core/spec'
import { expect } from 'vitest'
import { compose } from '../src/index.js'
import { contextOf, type Fixture, outcomeOf } from './fixtures.js'

const codes = [
  ...['compose-invalid', 'compose-target-service-missing', 'missing-internal-port', 'incompatible-source-strategy'],
]

/** Plans a source, and holds the answer to what every answer must be. Tells the seconds of the processor, and what came of it. */
export async function survives(fixture: Fixture): Promise<{ seconds: number; message: string }> {
  const started = process.cpuUsage()
  const { claim, result } = await outcomeOf(compose(), contextOf(fixture))
  const { user, system } = process.cpuUsage(started)
  const seconds = (user + system) / 1e6
  // The processor's time, not the clock's: other processes may hold the machine up.
  expect(seconds).toBeLessThan(1)
  if (claim === null || result === undefined) return { seconds, message: 'unclaimed' }
  expect(JSON.stringify(result).length).toBeLessThan(200_000)
  if (!isBlocked(result)) return { seconds, message: 'ready' }
  for (const reason of result.blocked) reasonSchema.parse(reason)
  const [{ code, message }] = result.blocked
  expect(codes).toContain(code)
  return { seconds, message: `${code}: ${message}` }
}
