import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../shared/errors.js'
import { endGroup } from '../shared/groups.js'
import { lockHolder } from '../shared/lock.js'
import type { Layout } from '../shared/paths.js'
import { isAlive } from '../shared/processes.js'
import { type Program, readProgram, spawnRole } from './spawn.js'
import { type HelperStatus, readStatus } from './status.js'

const longestDelayMs = 5_000
const stableMs = 5_000
const readyMs = 10_000

/**
 * A helper process as the keeper sees it: begun when it is wanted, found again after a keeper's death by the lock that it holds, begun
 * anew when it dies.
 */
export class Helper {
  wanted = false
  #child: ChildProcess | null = null
  #begunAt = 0
  #failures = 0
  #notBefore = 0

  constructor(
    readonly role: 'proxy' | 'static',
    readonly layout: Layout,
    readonly program: Program,
    readonly log: (text: string) => void,
  ) {}

  get #alive(): boolean {
    return this.#child !== null || lockHolder(this.layout.lock(this.role)) !== null
  }

  /** Of the present process; null: it has not said anything yet. */
  status(): HelperStatus | null {
    const status = readStatus(this.layout, this.role)
    return status !== null && isAlive(status.identity) ? status : null
  }

  /** Called often, and at once when a child of this keeper ends. */
  tick(): void {
    if (!this.wanted || performance.now() < this.#notBefore || this.#alive) return
    this.#begin()
  }

  #begin(): void {
    this.#begunAt = performance.now()
    const child = spawnRole(this.layout, this.role, readProgram(this.layout) ?? this.program)
    this.#child = child
    const ended = (what: string) => {
      if (this.#child !== child) return
      this.#child = null
      if (!this.wanted) return
      const ranMs = performance.now() - this.#begunAt
      this.#failures = ranMs > stableMs ? 0 : this.#failures + 1
      const delay = this.#failures === 0 ? 0 : Math.min(50 * 2 ** this.#failures, longestDelayMs)
      this.#notBefore = performance.now() + delay
      this.log(`${this.role} ${what}; starting it again in ${delay} ms`)
      setTimeout(() => this.tick(), delay + 1)
    }
    child.once('exit', (code, signal) => ended(`ended with ${signal ?? code}`))
    child.once('error', (error) => ended(`could not be started (${error.message})`))
  }

  /** Wants it, and resolves when it is ready. */
  async ready(): Promise<void> {
    this.wanted = true
    const end = performance.now() + readyMs
    for (let pause = 2; ; pause = Math.min(pause * 2, 25)) {
      this.tick()
      const status = this.status()
      if (status?.ready === true) return
      if (performance.now() > end) {
        const why = status?.problem ?? 'it does not answer; its log says more'
        throw new CodedError('runtime-backend-unavailable', `The ${this.role} helper did not start: ${why}.`)
      }
      await sleep(pause)
    }
  }

  async stop(): Promise<void> {
    this.wanted = false
    const holder = lockHolder(this.layout.lock(this.role))
    const identity = holder?.identity
    if (identity !== undefined) await endGroup(identity, { graceMs: 5_000 })
    else this.#child?.kill('SIGTERM')
    this.#child = null
  }
}
