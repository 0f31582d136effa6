import type { JsonObject, LogLine, RouteTable } from '@appaloft/core/spec'
import type { FakeApp } from './app.js'
import { Marks } from './marks.js'

/** One call of a target's or a proxy's method, as a test sees it. */
export interface FakeCall {
  part: 'target' | 'proxy'
  method: string
  /** Where it concerns one. */
  resourceId?: string
  deploymentId?: string
  token?: number
  signal?: AbortSignal
}

/**
 * Called before and after every call (`describe` and the capabilities apart). May wait, or throw what the call shall fail with:
 * before it, nothing has happened; after it, everything has, and the caller is not told.
 */
export type FakeIntercept = (when: 'before' | 'after', call: FakeCall) => void | Promise<void>

/** The machine: what goes on when an engine dies. Hand the same world to the target and proxy of the engine that takes over. */
export class FakeWorld {
  readonly apps = new Map<string, FakeApp>()
  readonly built = new Map<string, { artifact: JsonObject; resourceId: string }>()
  readonly targetMarks = new Marks()
  readonly proxyMarks = new Marks()
  readonly tables = new Map<string, RouteTable>()
  /** Names of volumes that were written, by resource. */
  readonly volumes = new Map<string, Set<string>>()
  /** Texts by resource and name. */
  readonly records = new Map<string, Map<string, string>>()
  /** Every call so far, oldest first. */
  readonly calls: FakeCall[] = []
  builds = 0
  intercept: FakeIntercept | null = null
  readonly #closers: (() => Promise<void>)[] = []

  app(deploymentId: string, releaseId: string): FakeApp | undefined {
    return this.apps.get(`${deploymentId}/${releaseId}`)
  }

  /** The application dies, as by itself. */
  crash(deploymentId: string, options: { exitCode?: number; signal?: string; line?: LogLine } = {}): void {
    for (const app of this.apps.values()) {
      if (app.ref.deploymentId !== deploymentId) continue
      if (options.line !== undefined) app.print(options.line.stream, options.line.text)
      app.exit(options.signal === undefined ? (options.exitCode ?? 1) : null, options.signal ?? null)
    }
  }

  /** The next `times` calls of a method fail with this error, before they do anything. */
  fail(
    method: string,
    error: unknown,
    options: { times?: number; part?: FakeCall['part']; when?: 'before' | 'after' } = {},
  ): void {
    this.#faults.push({ method, error, left: options.times ?? 1, part: options.part, when: options.when ?? 'before' })
  }
  readonly #faults: {
    method: string
    error: unknown
    left: number
    part: FakeCall['part'] | undefined
    when: 'before' | 'after'
  }[] = []

  /** Runs a call with what the test ordered around it. */
  async call<T>(call: FakeCall, act: () => T | Promise<T>): Promise<T> {
    this.calls.push(call)
    call.signal?.throwIfAborted()
    await this.#around('before', call)
    call.signal?.throwIfAborted()
    const result = await act()
    await this.#around('after', call)
    return result
  }

  async #around(when: 'before' | 'after', call: FakeCall): Promise<void> {
    await this.intercept?.(when, call)
    const fault = this.#faults.find(
      (one) => one.left > 0 && one.when === when && one.method === call.method && (one.part ?? call.part) === call.part,
    )
    if (fault === undefined) return
    fault.left -= 1
    throw fault.error
  }

  onClose(closer: () => Promise<void>): void {
    this.#closers.push(closer)
  }

  /** Stops every server. */
  async close(): Promise<void> {
    for (const app of this.apps.values()) app.exit(null, 'SIGKILL')
    for (const closer of this.#closers.splice(0)) await closer()
  }
}
