import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAppaloft, type DeploymentHandle, type Store, type Target } from '@appaloft/core'
import { staticSite } from '@appaloft/planner-static'
import { fakeTarget } from '@appaloft/testkit'

/** An engine whose builds do what a test says. `folder` holds its source and its state. */
export function engineOn(store: Store, folder: string, build: Target['build'] | null = null) {
  const fake = fakeTarget()
  const source = join(folder, 'site')
  mkdirSync(source, { recursive: true })
  writeFileSync(join(source, 'index.html'), '<h1>hello</h1>')
  const target: Target = {
    ...fake,
    build: async (input) => {
      await build?.(input)
      return fake.build(input)
    },
  }
  const appaloft = createAppaloft({
    store,
    targets: [target],
    planners: [staticSite()],
    stateDir: join(folder, 'state'),
  })
  const create = () =>
    appaloft.deployments.create({
      force: true,
      resource: { id: 'res_site', source: { kind: 'local-folder', path: source }, network: { drainSeconds: 1 } },
    })
  return { appaloft, create, world: fake.world }
}

/** An attempt in the middle of its build, until it is let go: meanwhile a test writes what events it likes. */
export async function heldAttempt(store: Store, folder: string) {
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let reached = () => {}
  const building = new Promise<void>((resolve) => {
    reached = resolve
  })
  const engine = engineOn(store, folder, async () => {
    reached()
    await held
    return { artifact: {}, cached: false }
  })
  const handle: DeploymentHandle = await engine.create()
  await building
  return { ...engine, handle, letGo }
}

/** Log events of an attempt, written past its engine. */
export async function appendLines(store: Store, deploymentId: string, lines: readonly string[]): Promise<void> {
  const at = new Date().toISOString()
  const events = lines.map((message) => ({ type: 'log' as const, at, message, data: {} }))
  await store.commit({ deploymentId, guards: [], events, durable: false })
}
