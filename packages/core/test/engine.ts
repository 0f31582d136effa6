import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type FakeTarget, FakeWorld, fakeTarget } from '@appaloft/testkit'
import { type Appaloft, type AppaloftOptions, createAppaloft, memoryStore } from '../src/index.js'
import {
  type Blocked,
  type Clock,
  type Planner,
  type ResourceDefinition,
  reason,
  type Store,
} from '../src/spec/index.js'

/** Claims any folder that has app.txt, or blocks its plan. */
export const anyPlanner = (blocked?: Blocked): Planner => ({
  specVersion: 1,
  key: 'any',
  async detect({ tree }) {
    if (!(await tree.has('app.txt'))) return null
    return { basis: 'generic', supportTier: 'generic', reason: 'app.txt', evidence: [], artifactKind: 'workspace' }
  },
  async plan({ profiles }) {
    const start = profiles.runtime.startCommand
    return (
      blocked ?? {
        artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
        commands: start === undefined ? {} : { start: { command: start, from: 'profile' } },
        network: { internalPort: 3000, from: 'planner', honoursPort: true },
        evidence: [],
        warnings: [],
      }
    )
  },
})

export const blockedPlan: Blocked = { blocked: [reason('missing-internal-port')] }

/** One machine, one store, one source; any number of engines on them. */
export class Scene {
  readonly world = new FakeWorld()
  readonly target: FakeTarget = fakeTarget({ world: this.world })
  readonly store: Store = memoryStore()
  readonly #engines: Appaloft[] = []
  private constructor(readonly folder: string) {}

  static async make(): Promise<Scene> {
    const folder = await mkdtemp(join(tmpdir(), 'engine-'))
    const scene = new Scene(folder)
    await scene.touch('first')
    return scene
  }

  get source(): string {
    return join(this.folder, 'app.txt')
  }

  touch(text: string): Promise<void> {
    return writeFile(this.source, text)
  }

  engine(options: Partial<AppaloftOptions> = {}): Appaloft {
    const engine = createAppaloft({
      store: this.store,
      targets: [this.target],
      planners: [anyPlanner()],
      stateDir: `${this.folder}-state`,
      ...options,
    })
    this.#engines.push(engine)
    return engine
  }

  definition(startCommand = 'serve', rest: Partial<ResourceDefinition> = {}): ResourceDefinition {
    return {
      id: 'res_shop',
      source: { kind: 'local-folder', path: this.folder },
      runtime: { startCommand },
      network: { drainSeconds: 1 },
      health: { path: '/', intervalSeconds: 0.1, timeoutSeconds: 1, retries: 2, startPeriodSeconds: 0 },
      ...rest,
    }
  }

  async deployed(engine: Appaloft, startCommand?: string, rest?: Partial<ResourceDefinition>) {
    return (await engine.deployments.create({ resource: this.definition(startCommand, rest) })).done
  }

  /** Ids of what is on the target. */
  async owned(): Promise<string[]> {
    return (await this.target.list('res_shop')).map((one) => one.deploymentId)
  }

  async close(options: { dead?: Appaloft[] } = {}): Promise<void> {
    this.world.intercept = null
    for (const engine of this.#engines) if (!options.dead?.includes(engine)) await engine.close({ mode: 'cancel' })
    await this.world.close()
    await rm(this.folder, { recursive: true, force: true })
    await rm(`${this.folder}-state`, { recursive: true, force: true })
  }
}

/** Time that passes so many times faster: for what waits long by design. */
export const hurried = (times: number): Clock => ({
  now: () => Date.now(),
  monotonic: () => performance.now() * times,
  sleep: async (ms, { signal, unref = false } = {}) => {
    await delay(ms / times, undefined, { ref: !unref, ...(signal ? { signal } : {}) }).catch((error) => {
      signal?.throwIfAborted()
      throw error
    })
  },
})

/** Who answers on a URL. */
export function visit(url: string): Promise<{ status: number; deployment: string | undefined }> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (response) => {
      response.resume()
      const deployment = response.headers['x-appaloft-deployment']
      resolve({ status: response.statusCode ?? 0, deployment: typeof deployment === 'string' ? deployment : undefined })
    })
      .on('error', reject)
      .end()
  })
}

/** A promise to open by hand. */
export function gate(): { reached: Promise<void>; arrive(): void } {
  let arrive = () => {}
  const reached = new Promise<void>((resolve) => {
    arrive = resolve
  })
  return { reached, arrive }
}
