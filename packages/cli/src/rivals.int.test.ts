import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { leaseExpiryMs } from '@appaloft/core/spec'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle } from '../test/bundle.js'
import { compose, type Definition, place, urlOf, users } from '../test/live.js'
import type { Rival, RivalSays } from '../test/rival-engine.js'

/** Begins to listen late enough that every rival has begun before the first one could be promoted. */
const slowServer = `
const { createServer } = require('node:http')
const server = createServer((_, response) => response.end(process.env.APPALOFT_DEPLOYMENT_ID))
setTimeout(() => server.listen(process.env.PORT), Number(process.env.DELAY))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`
const { path, stateDir, folder, end } = place(slowServer)
let programs: Awaited<ReturnType<typeof bundle>>
const running = new Set<ChildProcess>()

const definition = (id: string, version: string, delayMs: number): Definition => ({
  id,
  source: { kind: 'local-folder', path },
  network: { drainSeconds: 1 },
  health: { startPeriodSeconds: 60 },
  environment: { VERSION: { value: version }, DELAY: { value: String(delayMs) } },
})

beforeAll(async () => {
  programs = await bundle({ engine: 'cli/test/rival-engine.ts' })
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await end()
  programs.end()
})

function start(rival: Rival) {
  const argv = [join(programs.folder, 'engine.js'), JSON.stringify(rival)]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  const lines: RivalSays[] = []
  const listeners = new Set<() => void>()
  createInterface(child.stdout).on('line', (line) => {
    lines.push(JSON.parse(line) as RivalSays)
    for (const listener of listeners) listener()
  })
  const said = async <K extends string>(key: K) => {
    for (;;) {
      const found = lines.find((line): line is Extract<RivalSays, Record<K, unknown>> => key in line)
      if (found !== undefined) return found
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended without ${key}`)
      await new Promise<void>((resolve) => {
        listeners.add(resolve)
        child.once('close', () => resolve())
      })
    }
  }
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    return code as number | null
  })
  return { child, lines, said, ended }
}

async function firstRelease(id: string) {
  const { appaloft } = compose(stateDir)
  const first = await (await appaloft.deployments.create({ resource: definition(id, 'first', 0) })).done
  await appaloft.close()
  return { id: first.id, url: urlOf(first) }
}

it('sixteen engines deploy one resource, four of them stopped beyond their lease: one promotes', {
  timeout: 300_000,
}, async () => {
  const first = await firstRelease('res_sixteen')
  const clients = users(first.url, 2, 2)
  const go = join(folder, 'go')
  const stops = ['step-started/fence', 'step-started/start', 'step-succeeded/start', 'step-started/health']
  const rivals = Array.from({ length: 16 }, (_, i) =>
    start({
      stateDir,
      definition: definition('res_sixteen', String(i), 10_000),
      concurrency: 'supersede',
      go,
      ...(i % 4 === 1 ? { stopBefore: { event: stops[(i - 1) / 4] ?? '' } } : {}),
    }),
  )
  await sleep(3_000)
  writeFileSync(go, '')
  const created = await Promise.all(rivals.map((one) => one.said('created')))
  await sleep(leaseExpiryMs + 2_000)
  for (const one of rivals) one.child.kill('SIGCONT')
  const outcomes = await Promise.all(rivals.map((one) => one.said('status')))
  expect(await Promise.all(rivals.map((one) => one.ended))).toEqual(rivals.map(() => 0))
  await clients.stop()

  const { appaloft, target } = compose(stateDir)
  try {
    const shown = await Promise.all(created.map((one) => appaloft.deployments.show(one.created)))
    const winners = shown.filter((one) => one.status === 'succeeded')
    console.log(JSON.stringify(outcomes.map((one) => `${one.status}/${one.promoted}`)))
    expect(winners).toHaveLength(1)
    for (const [i, one] of shown.entries()) {
      expect(outcomes[i]?.status).toBe(one.status)
      if (one.status === 'succeeded') continue
      expect(one.status).toBe('superseded')
      expect(outcomes[i]?.promoted).toBe('superseded')
      expect(one.supersededBy).not.toBeNull()
    }
    const live = winners[0]?.id ?? ''
    expect((await appaloft.resources.status('res_sixteen')).desired?.deploymentId).toBe(live)
    expect((await target.list('res_sixteen')).map((one) => one.deploymentId)).toEqual([live])
    // Only the former release and the winner ever had a user.
    expect(clients.failures).toEqual([])
    expect(clients.by()).toEqual(new Set([first.id, live]))
    for (const one of shown) {
      const types: string[] = []
      for await (const envelope of appaloft.deployments.events(one.id))
        if (envelope.kind === 'event') types.push(envelope.event.type)
      expect(types.filter((type) => type === 'deployment-finished')).toHaveLength(1)
      expect(types.at(-1)).toBe('deployment-finished')
      expect(types.includes('traffic-promoted')).toBe(one.id === live)
    }
  } finally {
    await appaloft.close()
  }
})

const moments: [string, NonNullable<Rival['stopBefore']>][] = [
  ['its candidate is started', { call: 'start', number: 1 }],
  ['its candidate is staged', { call: 'apply', number: 1 }],
  ['the traffic moves', { call: 'apply', number: 2 }],
  ['its health is checked', { event: 'step-started/health' }],
]

it('an engine that sleeps beyond its lease does nothing more when it wakes', { timeout: 300_000 }, async () => {
  await Promise.all(
    moments.map(async ([words, stopBefore], i) => {
      const id = `res_sleeper${i}`
      const first = await firstRelease(id)
      const clients = users(first.url, 1, 0)
      const sleeper = start({ stateDir, definition: definition(id, 'sleeper', 0), concurrency: 'wait', stopBefore })
      await sleeper.said('stopping')
      const next = start({ stateDir, definition: definition(id, 'next', 0), concurrency: 'wait' })
      const { created } = await next.said('created')
      expect(await next.said('status'), words).toMatchObject({ status: 'succeeded', promoted: 'promoted' })
      sleeper.child.kill('SIGCONT')
      expect(await sleeper.said('status'), words).toMatchObject({ status: 'interrupted', promoted: 'interrupted' })
      expect([await sleeper.ended, await next.ended], words).toEqual([0, 0])
      await clients.stop()
      const { appaloft, target } = compose(stateDir)
      try {
        const { desired, drift } = await appaloft.resources.status(id)
        expect(
          (await target.list(id)).map((one) => one.deploymentId),
          words,
        ).toEqual([created])
        expect([desired?.deploymentId, drift], words).toEqual([created, []])
        const { created: slept } = await sleeper.said('created')
        expect((await appaloft.deployments.show(slept)).recoveredBy, words).toBe(created)
        expect(clients.failures, words).toEqual([])
        expect(clients.by(), words).toEqual(new Set([first.id, created]))
      } finally {
        await appaloft.close()
      }
    }),
  )
})
