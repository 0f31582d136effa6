import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Appaloft, type AppaloftOptions, createAppaloft, memoryStore } from '@appaloft/core'
import type { Envelope, Planner, ResourceDefinition, Store } from '@appaloft/core/spec'
import { type FakeTarget, FakeWorld, fakeTarget } from '@appaloft/testkit'
import { vi } from 'vitest'
import { createHandler, type Handler, type HandlerOptions } from '../src/index.js'

// Whole deployments on a machine that may be busy: a limit for what hangs, not for what is slow.
vi.setConfig({ testTimeout: 60_000 })

/** Claims any folder that has app.txt, and starts what the profile says. */
const anyPlanner: Planner = {
  specVersion: 1,
  key: 'any',
  async detect({ tree }) {
    if (!(await tree.has('app.txt'))) return null
    return { basis: 'generic', supportTier: 'generic', reason: 'app.txt', evidence: [], artifactKind: 'workspace' }
  },
  async plan({ profiles }) {
    const start = profiles.runtime.startCommand
    return {
      artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
      commands: start === undefined ? {} : { start: { command: start, from: 'profile' } },
      network: { internalPort: 3000, from: 'planner', honoursPort: true },
      evidence: [],
      warnings: [],
    }
  },
}

export interface Said {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: what a server says is looked at field by field.
  json: any
}

/** An engine on fakes, a folder to deploy, and handlers on the engine. */
export class Scene {
  readonly world = new FakeWorld()
  readonly target: FakeTarget = fakeTarget({ world: this.world })
  readonly store: Store = memoryStore()
  readonly #engines: Appaloft[] = []
  readonly engine: Appaloft
  /** Everything is allowed. */
  readonly handler: Handler

  private constructor(
    readonly root: string,
    readonly folder: string,
  ) {
    this.engine = this.another()
    this.handler = this.handle({ authorize: () => ({ allow: true }) })
  }

  static async make(): Promise<Scene> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'http-')))
    const folder = await mkdtemp(join(root, 'app-'))
    await writeFile(join(folder, 'app.txt'), 'first')
    return new Scene(root, folder)
  }

  /** One more engine on the same store and machine. */
  another(options: Partial<AppaloftOptions> = {}): Appaloft {
    const engine = createAppaloft({
      store: this.store,
      targets: [this.target],
      planners: [anyPlanner],
      stateDir: join(this.root, 'state'),
      ...options,
    })
    this.#engines.push(engine)
    return engine
  }

  handle(options: HandlerOptions, engine = this.engine): Handler {
    return createHandler(engine, options)
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

  /** Defines a resource and deploys it to its end. */
  async deployed(startCommand?: string, rest?: Partial<ResourceDefinition>) {
    return (await this.engine.deployments.create({ resource: this.definition(startCommand, rest) })).done
  }

  async ended(id: string) {
    for await (const _ of this.engine.deployments.events(id, { follow: true }));
    return this.engine.deployments.show(id)
  }

  async close(): Promise<void> {
    this.world.intercept = null
    for (const engine of this.#engines) await engine.close({ mode: 'cancel' })
    await this.world.close()
    await rm(this.root, { recursive: true, force: true })
  }
}

export const request = (
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Request =>
  new Request(`http://localhost${path}`, {
    method,
    headers: { ...(options.body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
    ...(options.body === undefined
      ? {}
      : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
    ...(options.signal ? { signal: options.signal } : {}),
  })

/** Asks and reads to the end. */
export async function ask(
  handler: Handler,
  method: string,
  path: string,
  options?: Parameters<typeof request>[2],
): Promise<Said> {
  const answer = await handler(request(method, path, options))
  const text = await answer.text()
  const isJson = text !== '' && /json$/.test(answer.headers.get('content-type') ?? '') && !text.includes('\n')
  return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined }
}

export const envelopesOf = (lines: string): Envelope[] =>
  lines
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => JSON.parse(one) as Envelope)

/** Messages of server-sent events. */
export const messagesOf = (text: string): { id: string | null; envelope: Envelope }[] =>
  text
    .split('\n\n')
    .filter((one) => one.includes('data: '))
    .map((one) => ({
      id: /^id: (.*)$/m.exec(one)?.[1] ?? null,
      envelope: JSON.parse(/^data: (.*)$/m.exec(one)?.[1] ?? '') as Envelope,
    }))

/** Every operation of the OpenAPI document with an id filled in. */
export const example = {
  deployment: 'dep_01hzzzzzzzzzzzzzzzzzzzzzzz',
  resource: 'res_nobody',
  rollout: 'rol_01hzzzzzzzzzzzzzzzzzzzzzzz',
}
