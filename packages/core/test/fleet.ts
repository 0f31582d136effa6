import { type FakeCall, type FakeTarget, FakeWorld, fakeProxy, fakeTarget } from '@appaloft/testkit'
import { vi } from 'vitest'
import type { Appaloft, AppaloftOptions } from '../src/index.js'
import type { ResourceDefinition, Rollout } from '../src/spec/index.js'
import { Scene, visit } from './engine.js'

// Whole deployments on a machine that may be busy: a limit for what hangs, not for what is slow.
vi.setConfig({ testTimeout: 60_000 })

/** Several machines, each with a proxy of its own, and one store. */
export class Fleet {
  readonly worlds: FakeWorld[]
  readonly targets: FakeTarget[]

  private constructor(
    readonly scene: Scene,
    readonly keys: readonly string[],
  ) {
    this.worlds = keys.map(() => new FakeWorld())
    this.targets = keys.map((key, i) => {
      const world = this.worlds[i]!
      return fakeTarget({ key, world, proxy: fakeProxy({ key: `proxy-${key}`, world }) })
    })
  }

  static async make(keys: readonly string[] = ['a', 'b', 'c']): Promise<Fleet> {
    return new Fleet(await Scene.make(), keys)
  }

  world(key: string): FakeWorld {
    return this.worlds[this.keys.indexOf(key)]!
  }

  engine(options: Partial<AppaloftOptions> = {}): Appaloft {
    return this.scene.engine({ targets: this.targets, ...options })
  }

  definition(startCommand?: string, rest?: Partial<ResourceDefinition>): ResourceDefinition {
    return this.scene.definition(startCommand, rest)
  }

  /** On every machine; answers with the deployment of each. */
  async deployed(engine: Appaloft, startCommand?: string): Promise<Record<string, string>> {
    const { done } = await engine.deployments.rollout({ resource: this.definition(startCommand) }, { batch: 9 })
    const { status, targets } = await done
    if (status !== 'succeeded') throw new Error(`The first rollout is ${status}.`)
    return Object.fromEntries(targets.map((one) => [one.target, one.deploymentId ?? '']))
  }

  /** Who answers on each machine; null: nobody. */
  async serving(): Promise<Record<string, string | null>> {
    const all = this.keys.map(async (key, i) => {
      const table = this.worlds[i]!.tables.get('res_shop')
      if (table === undefined || table.live === null) return [key, null] as const
      const { address } = await this.targets[i]!.proxy!.endpoint('res_shop')
      if (address.kind !== 'tcp') throw new Error('a port was expected')
      const { status, deployment } = await visit(`http://${address.host}:${address.port}/`)
      return [key, status === 200 ? (deployment ?? null) : `status ${status}`] as const
    })
    return Object.fromEntries(await Promise.all(all))
  }

  /** What runs on each machine. */
  async owned(): Promise<Record<string, string[]>> {
    const all = this.targets.map(async ({ key, list }) => [
      key,
      (await list('res_shop')).map((one) => one.deploymentId),
    ])
    return Object.fromEntries(await Promise.all(all))
  }

  /** Before or after a call on one machine, or on each. */
  intercept(act: (key: string, when: 'before' | 'after', call: FakeCall) => void | Promise<void>, only?: string): void {
    for (const [i, key] of this.keys.entries())
      if (only === undefined || key === only) this.worlds[i]!.intercept = (when, call) => act(key, when, call)
  }

  calm(): void {
    for (const world of this.worlds) world.intercept = null
  }

  async close(dead: Appaloft[] = []): Promise<void> {
    this.calm()
    await this.scene.close({ dead })
    for (const world of this.worlds) await world.close()
  }
}

export const statuses = ({ targets }: Pick<Rollout, 'targets'>): Record<string, string> =>
  Object.fromEntries(targets.map((one) => [one.target, one.status]))

export const ids = ({ targets }: Pick<Rollout, 'targets'>): Record<string, string | null> =>
  Object.fromEntries(targets.map((one) => [one.target, one.deploymentId]))
