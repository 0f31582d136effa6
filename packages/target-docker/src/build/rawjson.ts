import { z } from 'zod'
import { Amounts } from './amounts.js'

// What `docker buildx build --progress=rawjson` writes: JSON values one after the other, on one line or on many by its version, and
// between them words for people.

const statusSchema = z.object({
  vertexes: z
    .array(
      z.object({
        digest: z.string(),
        name: z.string().default(''),
        started: z.string().nullish(),
        completed: z.string().nullish(),
        cached: z.boolean().default(false),
        error: z.string().default(''),
      }),
    )
    .nullish(),
  statuses: z
    .array(
      z.object({ id: z.string(), vertex: z.string(), current: z.number().default(0), total: z.number().default(0) }),
    )
    .nullish(),
  logs: z
    .array(z.object({ vertex: z.string(), stream: z.number().default(1), data: z.string().default('') }))
    .nullish(),
})

export type BuildEvent =
  | { type: 'step-started'; step: string; name: string }
  | { type: 'step-progress'; step: string; name: string; percent: number }
  | { type: 'step-succeeded'; step: string; name: string; cached: boolean; milliseconds: number }
  | { type: 'step-failed'; step: string; name: string; error: string; milliseconds: number }
  | { type: 'output'; step: string; stream: 'stdout' | 'stderr'; data: Buffer }
  | { type: 'message'; text: string }

const mostBytes = 4 * 1024 * 1024
/** Takes lines, gives events. Each end of a step is told once. */
export class BuildEvents {
  #value = ''
  readonly #told = new Map<string, 'started' | 'ended'>()
  readonly #running = new Map<string, { name: string; amounts: Amounts }>()

  constructor(readonly onEvent: (event: BuildEvent) => void) {}

  line(text: string): void {
    if (this.#value === '' && !text.startsWith('{')) {
      if (text.trim() !== '') this.onEvent({ type: 'message', text })
      return
    }
    this.#value += `${text}\n`
    // A value over many lines ends with a brace at the beginning of one.
    if (!text.startsWith('}') && !(this.#value === `${text}\n` && text.endsWith('}'))) {
      if (this.#value.length > mostBytes) this.#value = ''
      return
    }
    const value = this.#value
    this.#value = ''
    this.#read(value)
  }

  /** What is fetched tells how much of it; of most steps nobody knows. */
  #count(step: string, part: string, current: number, total: number): void {
    const running = this.#running.get(step)
    const percent = running?.amounts.add(part, current, total) ?? null
    if (running === undefined || percent === null) return
    this.onEvent({ type: 'step-progress', step, name: running.name, percent })
  }

  #read(text: string): void {
    let status: z.infer<typeof statusSchema>
    try {
      status = statusSchema.parse(JSON.parse(text))
    } catch {
      this.onEvent({ type: 'message', text: text.trim().slice(0, 1000) })
      return
    }
    for (const { digest: step, name, started, completed, cached, error } of status.vertexes ?? []) {
      if (started != null && !this.#told.has(step)) {
        this.#told.set(step, 'started')
        this.#running.set(step, { name, amounts: new Amounts() })
        this.onEvent({ type: 'step-started', step, name })
      }
      if (completed == null || this.#told.get(step) === 'ended') continue
      this.#told.set(step, 'ended')
      this.#running.delete(step)
      const milliseconds = Math.max(0, Math.round(Date.parse(completed) - Date.parse(started ?? completed))) || 0
      if (error === '') this.onEvent({ type: 'step-succeeded', step, name, cached, milliseconds })
      else this.onEvent({ type: 'step-failed', step, name, error, milliseconds })
    }
    for (const { vertex: step, id, current, total } of status.statuses ?? []) this.#count(step, id, current, total)
    for (const { vertex: step, stream, data } of status.logs ?? [])
      this.onEvent({
        type: 'output',
        step,
        stream: stream === 2 ? 'stderr' : 'stdout',
        data: Buffer.from(data, 'base64'),
      })
  }
}
