import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Appaloft, createAppaloft, type ResourceDefinition, type Target } from '@appaloft/core'
import type { Rollout } from '@appaloft/core/spec'
import { node } from '@appaloft/planner-node'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { process as processes, shutdown } from '@appaloft/target-process'
import { afterEach, beforeEach, expect, it } from 'vitest'

// Three machines in small: process targets with a state folder, a keeper and a proxy each, in one engine, and users on all of them.

const keys = ['a', 'b', 'c'] as const
const clientsOfEach = 8
let folder = ''
let fault: 'start' | 'promotion' | null = null
let appaloft: Appaloft
const stateOf = (key: string) => join(folder, `state-${key}`)

/** The last one fails where a test says. */
function machine(key: string): Target {
  const proxy = embedded()
  const target = processes({
    key,
    proxy: {
      ...proxy,
      async apply(...given) {
        const promotes = given[1].live !== null && given[1].staged === null && given[1].verify !== null
        if (fault === 'promotion' && key === 'c' && promotes) {
          fault = null
          throw new Error('the proxy refuses')
        }
        return proxy.apply(...given)
      },
    },
  })
  return {
    ...target,
    open: async () => target.open?.({ stateDir: stateOf(key) }),
    start: (input) => {
      const sick = fault === 'start' && key === 'c'
      return target.start(sick ? { ...input, environment: { ...input.environment, SICK: '1' } } : input)
    },
  }
}

const server = `
  import { createServer } from 'node:http'
  createServer((request, response) => {
    response.statusCode = process.env.SICK ? 500 : 200
    setTimeout(() => response.end(process.env.TEXT), 5)
  }).listen(process.env.PORT)`

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-rollout-'))
  await mkdir(join(folder, 'source'))
  const manifest = { name: 'shop', private: true, type: 'module', scripts: { start: 'node server.mjs' } }
  await writeFile(join(folder, 'source/package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'source/server.mjs'), server)
  fault = null
  appaloft = createAppaloft({
    store: sqlite({ path: join(folder, 'state/appaloft.db') }),
    stateDir: join(folder, 'state'),
    targets: keys.map(machine),
    planners: [node()],
  })
})
afterEach(async () => {
  await appaloft.close({ mode: 'cancel' })
  for (const key of keys) await shutdown(stateOf(key), { force: true })
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

const shop = (text: string): ResourceDefinition => ({
  id: 'res_shop',
  source: { kind: 'local-folder', path: join(folder, 'source') },
  environment: { TEXT: { value: text } },
  network: { drainSeconds: 5 },
  health: { path: '/', intervalSeconds: 0.2, retries: 2, startPeriodSeconds: 0 },
})

/** Users of every machine, until they are told to stop: what they got there, in its order, and what failed. */
function clients(urls: Record<string, string>) {
  let over = false
  const failed: string[] = []
  const seen: Record<string, string[]> = {}
  let requests = 0
  const one = async (key: string, url: string) => {
    const texts = seen[key] ?? []
    seen[key] = texts
    while (!over) {
      try {
        const answer = await fetch(url)
        const text = await answer.text()
        requests += 1
        if (!answer.ok) failed.push(`${key}: ${answer.status}`)
        else if (texts.at(-1) !== text && !texts.includes(text)) texts.push(text)
      } catch (error) {
        failed.push(`${key}: ${String((error as Error).cause ?? error)}`)
      }
      await sleep(2)
    }
  }
  const all = Object.entries(urls).flatMap(([key, url]) => Array.from({ length: clientsOfEach }, () => one(key, url)))
  return {
    async stop() {
      over = true
      await Promise.all(all)
      return { failed, seen, requests }
    },
  }
}

const urlsOf = async ({ targets }: Rollout) =>
  Object.fromEntries(
    await Promise.all(
      targets.map(async ({ target, deploymentId }) => {
        const { accessUrls } = await appaloft.deployments.show(deploymentId!)
        return [target, accessUrls[0]!] as const
      }),
    ),
  )

it('users of three machines lose no request, whatever becomes of a rollout', { timeout: 120_000 }, async () => {
  const together = { promote: 'together', batch: { first: 1, rest: 2 } } as const
  const first = await (await appaloft.deployments.rollout({ resource: shop('one') }, { batch: 3 })).done
  expect(first).toMatchObject({ status: 'succeeded' })
  const urls = await urlsOf(first)
  expect(new Set(Object.values(urls)).size).toBe(3)
  const texts = async () =>
    Object.fromEntries(
      await Promise.all(Object.entries(urls).map(async ([key, url]) => [key, await (await fetch(url)).text()])),
    )

  const users = clients(urls)
  const second = await (await appaloft.deployments.rollout({ resource: shop('two') }, { batch: 2 })).done
  expect(second.status).toBe('succeeded')
  expect(await texts()).toEqual({ a: 'two', b: 'two', c: 'two' })

  // It never gets so far as to be promoted anywhere.
  fault = 'start'
  const sick = await (await appaloft.deployments.rollout({ resource: shop('three') }, together)).done
  expect(sick).toMatchObject({ status: 'failed', failure: { target: 'c', code: 'health-status-unexpected' } })
  expect(await texts()).toEqual({ a: 'two', b: 'two', c: 'two' })

  // Two machines have it already when the third refuses.
  fault = 'promotion'
  const refused = await (await appaloft.deployments.rollout({ resource: shop('four') }, together)).done
  expect(refused).toMatchObject({ status: 'failed', failure: { target: 'c', code: 'internal-error' } })
  expect(fault).toBeNull()
  expect(await texts()).toEqual({ a: 'two', b: 'two', c: 'two' })

  const back = await (await appaloft.deployments.rollout({ resource: 'res_shop', rollback: {} }, together)).done
  expect(back).toMatchObject({ status: 'succeeded' })
  expect(await texts()).toEqual({ a: 'one', b: 'one', c: 'one' })

  const { failed, seen, requests } = await users.stop()
  console.log(`${requests} requests on three machines, ${failed.length} failed`)
  expect(failed).toEqual([])
  expect(requests).toBeGreaterThan(100)
  for (const key of keys) {
    expect(seen[key]).toEqual(expect.arrayContaining(['one', 'two']))
    expect(seen[key]).not.toContain('three')
  }
  expect(seen.c).not.toContain('four')
  expect(await appaloft.reconcile()).toMatchObject({ ended: [], removed: [], problems: [] })
})
