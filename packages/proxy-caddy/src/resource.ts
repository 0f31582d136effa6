import { join } from 'node:path'
import type { CallOptions } from '@appaloft/core/spec'
import type { Configuration } from './admin.js'
import type { Entry } from './entries.js'
import { fenced, markOf } from './fences.js'
import type { Changed, Generation, Look, Step } from './files.js'
import type { OurPart } from './ours.js'
import type { Remembering } from './remembered.js'
import { type Ranked, stateIn } from './states.js'

export type Read = Pick<Configuration, 'config'>

/** What was found of a resource at about the same time. */
export interface Found {
  seen: Look
  /** Null: Caddy does not run, and need not to say that nothing is there. */
  read: Configuration | null
}

/** A resource: its markers, and its part of the configuration. */
export class Resource {
  constructor(
    readonly id: string,
    /** Of its markers. */
    readonly folder: string,
    readonly files: Remembering,
    readonly ours: OurPart,
  ) {}

  /** What was seen of it last; null: nothing yet. */
  get last(): Look | null {
    return this.files.last(this.folder)
  }

  look(only?: 'fences'): Promise<Look> {
    return this.files.look(this.folder, only)
  }

  change(steps: readonly Step[]): Promise<Changed> {
    return this.files.change(this.folder, steps)
  }

  at(generation: string): string {
    return join(this.folder, generation)
  }

  discarding(some: readonly Generation[]): Step[] {
    return some.map(({ name }) => ({ do: 'discard', path: this.at(name) }))
  }

  /** What is written ranks under the mark that was compared: one that is raised after this ranks above it. */
  allowed(token: number, seen: Look): number {
    const mark = markOf(seen)
    if (token < mark.token) throw fenced(this.id, token, mark.token)
    return mark.token
  }

  entries(read: Read): Entry[] {
    return this.ours.entries(read).filter((entry) => entry.resourceId === this.id)
  }

  /** Where nothing of ours is configured, nothing is served, whatever the files say. */
  served(read: Read, seen: Look): Ranked | null {
    const [entry] = this.entries(read)
    const generation = seen.generations.find(({ name }) => name === entry?.generation)
    return generation === undefined ? null : stateIn(generation)
  }

  /**
   * By a configuration that was read before the look; null: it does not tell. What is configured is there: where there is one generation
   * alone, and that was configured, no other was put in its place meanwhile.
   */
  stillServed(earlier: Read | null, seen: Look): Ranked | null {
    return earlier !== null && seen.generations.length === 1 ? this.served(earlier, seen) : null
  }

  async lookAndRead(options?: CallOptions): Promise<Found> {
    // The way to Caddy is made meanwhile.
    const running = this.ours.peek(options)
    const [seen, read] = await Promise.all([this.look(), running])
    return await this.matching(seen, read, options)
  }

  /** @param running as it was read while it was looked; null: Caddy does not run */
  async matching(seen: Look, running: Configuration | null, options?: CallOptions): Promise<Found> {
    if (running === null && seen.generations.length === 0) return { read: null, seen }
    const read = running ?? (await this.ours.read(options))
    const [entry] = this.entries(read)
    // A generation that is configured was there before it was: where it is not seen, it came after the look.
    const known = entry === undefined || seen.generations.some(({ name }) => name === entry.generation)
    return { read, seen: known ? seen : await this.look() }
  }
}
