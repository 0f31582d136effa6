import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { compose, type Definition, place, quickServer, upgraded, urlOf, users } from '../test/live.js'

const count = process.env.APPALOFT_SOAK === '1' ? 50 : 20

it(`releases ${count} times under 8 busy clients without a failed request`, { timeout: 900_000 }, async () => {
  const { path, stateDir, end } = place(quickServer)
  const { appaloft } = compose(stateDir)
  const release = async (version: number) => {
    const resource: Definition = {
      id: 'res_busy',
      source: { kind: 'local-folder', path },
      network: { drainSeconds: 2 },
      health: { startPeriodSeconds: 5, intervalSeconds: 0.2 },
      environment: { VERSION: { value: String(version) } },
    }
    let promotedAt = 0
    const onEvent = ({ type }: { type: string }) => {
      if (type === 'traffic-promoted') promotedAt = performance.now()
    }
    const done = await (await appaloft.deployments.create({ resource }, { onEvent })).done
    return { id: done.id, url: urlOf(done), promotedAt }
  }
  try {
    const first = await release(0)
    const ids = [first.id]
    const clients = users(first.url, 4, 4)
    const socket = await upgraded(first.url)
    try {
      expect(socket.head).toContain('101')
      expect(await socket.echo('before')).toBe('before')
      for (let version = 1; version <= count; version++) {
        const { id, promotedAt } = await release(version)
        ids.push(id)
        if (version > 1) continue
        const lived = ((socket.closedAt() ?? Number.POSITIVE_INFINITY) - promotedAt) / 1000
        console.log(`the upgraded connection lived ${lived.toFixed(2)} s after the switch`)
        expect(lived).toBeGreaterThan(1.8)
        expect(lived).toBeLessThan(4)
      }
      await sleep(300)
    } finally {
      socket.end()
      await clients.stop()
    }
    console.log(`${count} releases, ${clients.total()} answers, ${clients.failures.length} failed`)
    expect(clients.failures).toEqual([])
    for (const id of clients.answers.keys()) expect(ids).toContain(id)
    for (const id of ids) expect(clients.answers.get(id) ?? 0, id).toBeGreaterThan(0)
  } finally {
    await appaloft.close()
    await end()
  }
})
