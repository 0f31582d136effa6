import { afterAll, beforeAll, expect, it } from 'vitest'
import { compose, type Definition, place, quickServer, urlOf, users } from '../test/live.js'

const { path, stateDir, end } = place(quickServer)
const { appaloft, target } = compose(stateDir)
const release = async (mode: string) => {
  const resource: Definition = {
    id: 'res_fails',
    source: { kind: 'local-folder', path },
    network: { drainSeconds: 1 },
    health: {
      path: '/',
      expectedStatus: 200,
      retries: 1,
      startPeriodSeconds: mode === 'exits' ? 5 : 1,
      intervalSeconds: 0.2,
    },
    environment: { MODE: { value: mode } },
  }
  return (await appaloft.deployments.create({ resource })).done
}
let good = { id: '', url: '', releaseId: '' }

beforeAll(async () => {
  const done = await release('good')
  good = { id: done.id, url: urlOf(done), releaseId: done.release?.id ?? '' }
})
afterAll(async () => {
  await appaloft.close()
  await end()
})

it.each([
  ['answers its health check with 500', 'sick', 'health', 'health-status-unexpected'],
  ['exits after a second', 'exits', 'process', 'process-exited'],
  ['listens on another port', 'elsewhere', 'health', 'port-not-listening'],
] as const)('a release that %s fails, and the former one never stops answering', async (_, mode, check, code) => {
  const clients = users(good.url, 1, 1)
  const failed = await release(mode).finally(() => clients.stop())
  expect(failed).toMatchObject({
    status: 'failed',
    currentPhase: 'verify',
    failure: { code, phase: 'verify' },
    rollback: { outcome: 'restored', releaseId: good.releaseId },
  })
  expect(failed.checks[check]).toMatchObject({ status: 'failed', code })
  expect(failed.checks[check]?.evidence.length).toBeGreaterThan(0)
  expect(failed.failure?.recoveryHint).toContain('nspect health, network, proxy and access route')
  expect(failed.recoveryHint).toBe(failed.failure?.recoveryHint)
  expect((await target.list('res_fails')).map((one) => one.deploymentId)).toEqual([good.id])
  expect(clients.failures).toEqual([])
  expect([...clients.by()]).toEqual([good.id])
  console.log(`${code}: ${clients.total()} answers meanwhile, all of the former release`)
})
