import { setTimeout as sleep } from 'node:timers/promises'
import type { Deployment, DeploymentEvent } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { type Answered, compose, type Definition, place, quickServer, urlOf, users } from '../test/live.js'
import { talk, wsPackage } from '../test/websocket.js'

const soak = process.env.APPALOFT_SOAK === '1'
const count = soak ? 50 : 20

interface Release {
  id: string
  url: string
  /** When the engine had written down that it would switch, and when that it had. The switch itself is in between. */
  intendedAt: number
  promotedAt: number
  drained: DeploymentEvent | undefined
}

type Talk = Awaited<ReturnType<typeof talk>>

/** What holds for each answer, given the releases in order. The former release answers what was asked before the switch, and nothing else. */
function check(answers: readonly Answered[], releases: readonly Release[]) {
  const order = new Map(releases.map(({ id }, index) => [id, index]))
  const wrong: string[] = []
  const latest = new Map<number, number>()
  for (const { client, by, askedAt, answeredAt } of answers) {
    const index = order.get(by) ?? -1
    const [release, next] = [releases[index], releases[index + 1]]
    if (release === undefined) wrong.push(`answered by ${by}, which is no release`)
    else if (answeredAt < release.intendedAt) wrong.push(`release ${index} answered before it was to be promoted`)
    else if (next !== undefined && askedAt > next.promotedAt)
      wrong.push(`release ${index} answered what was asked ${askedAt - next.promotedAt} ms after the next was promoted`)
    else if (index < (latest.get(client) ?? 0)) wrong.push(`client ${client} went back to release ${index}`)
    latest.set(client, index)
  }
  expect(wrong).toEqual([])
  const across = answers.filter(({ by, askedAt, answeredAt }) => {
    const next = releases[(order.get(by) ?? -1) + 1]
    return next !== undefined && askedAt < next.intendedAt && answeredAt > next.promotedAt
  })
  return { across: across.length }
}

/** A connection of the former release lives until the drain times out, answered by that release alone, and is closed then. */
async function checkClosed(socket: Talk, former: Release, next: Release, seconds: number) {
  await Promise.race([socket.ended, sleep(5_000)])
  const closed = socket.closed()
  expect(socket.failures).toEqual([])
  expect([socket.opened, ...socket.by]).toEqual([former.id, former.id])
  expect(next.drained?.data).toMatchObject({ deploymentId: former.id })
  expect(Number(next.drained?.data.seconds)).toBeGreaterThanOrEqual(seconds)
  const lived = ((closed?.at ?? 0) - next.promotedAt) / 1000
  // Timers may be a millisecond early; the drain begins after the switch, so the connection lives longer than it.
  expect(lived).toBeGreaterThanOrEqual(seconds - 0.01)
  expect(lived).toBeLessThan(seconds + 5)
  const spoke = (socket.lastAt() - next.promotedAt) / 1000
  expect(spoke).toBeGreaterThan(seconds / 2)
  return `lived ${lived.toFixed(2)} s after the switch, was answered ${socket.answers()} times, last after ${spoke.toFixed(2)} s, closed with ${closed?.code}`
}

it(`releases ${count} times under 8 busy clients without a failed request`, { timeout: 1_800_000 }, async () => {
  const { path, stateDir, end } = place(quickServer)
  const { appaloft } = compose(stateDir)
  const release = async (network: { drainSeconds?: number } = {}): Promise<Release> => {
    const resource: Definition = {
      id: 'res_busy',
      source: { kind: 'local-folder', path },
      network,
      health: { startPeriodSeconds: 5, intervalSeconds: 0.2 },
      environment: { WS: { value: wsPackage } },
    }
    const at = { intendedAt: 0, promotedAt: 0 }
    let drained: DeploymentEvent | undefined
    const onEvent = (event: DeploymentEvent) => {
      if (event.type === 'step-started' && event.step === 'promote') at.intendedAt = performance.now()
      if (event.type === 'traffic-promoted') at.promotedAt = performance.now()
      if (event.type === 'release-drained') drained = event
    }
    const done: Deployment = await (await appaloft.deployments.create({ resource }, { onEvent })).done
    return { id: done.id, url: urlOf(done), ...at, drained }
  }
  try {
    const releases = [await release()]
    const { url } = releases[0] as Release
    const clients = users(url, 4, 4)
    const next = async (seconds: number | undefined) => {
      const former = releases.at(-1) as Release
      // In `npm test` the first switch alone waits for a connection: one drain after the other would take a minute.
      const socket = soak || releases.length === 1 ? await talk(url) : undefined
      const made = await release(seconds === undefined ? {} : { drainSeconds: seconds })
      releases.push(made)
      if (socket === undefined) return
      try {
        const told = await checkClosed(socket, former, made, seconds ?? 30)
        if (releases.length === 2 || seconds === undefined) console.log(`the WebSocket ${told}`)
      } finally {
        await socket.end()
      }
    }
    try {
      for (let version = 1; version <= count; version++) await next(2)
      if (soak) await next(undefined)
      await sleep(300)
      const last = await talk(url)
      expect(last.opened).toBe(releases.at(-1)?.id)
      await last.end()
    } finally {
      await clients.stop()
    }
    const { all, failures } = clients
    const { across } = check(all, releases)
    const slow = all.filter((answer) => answer.slow).length
    const reused = all.filter((answer) => answer.reused)
    console.log(
      `${releases.length - 1} releases, ${all.length} answers (${slow} slow, ${reused.length} on kept connections, ${across} across a switch), ${failures.length} failed`,
    )
    expect(failures).toEqual([])
    expect([...clients.by()]).toEqual(releases.map(({ id }) => id))
    // Without these the run would prove less than it says.
    expect(across).toBeGreaterThan(count)
    expect(slow / all.length).toBeGreaterThan(0.03)
    expect(new Set(reused.map(({ client }) => client))).toEqual(new Set([0, 1, 2, 3]))
  } finally {
    await appaloft.close()
    await end()
  }
})
