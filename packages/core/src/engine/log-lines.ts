import type { RedactedLines, Redactor } from '../secrets/index.js'
import { maxLogLineBytes, maxStepLogBytes, type NewEvent } from '../spec/events.js'
import type { Phase, Step } from '../spec/phases.js'
import { progressSchema } from '../spec/progress.js'
import type { LogLine } from '../spec/target.js'
import { cleaned } from './redaction.js'
import type { Runtime } from './runtime.js'

const batchMs = 100
const keptForFailures = 50

/** Output on its way into the journal: redacted, bounded for each step, and written in batches. */
export class LogLines {
  /** The last lines of all, for the failure. */
  readonly last: string[] = []
  private waiting: NewEvent[] = []
  /** Each is redacted as a whole, so that a secret of several lines is found. */
  private readonly outputs = new Map<string, { lines: RedactedLines; tell(text: string): void }>()
  private stepBytes = 0
  private timer: AbortController | undefined

  constructor(
    private readonly runtime: Runtime,
    private readonly redactor: () => Redactor,
    /** Writes what waits. */
    private readonly flush: () => void,
  ) {}

  /** A step's allowance begins anew. */
  begin(): void {
    this.end()
    this.stepBytes = 0
  }

  /** Never throws. */
  add(phase: Phase | null, step: Step, line: LogLine, source: 'build' | 'runtime'): void {
    const { stream, progress } = line
    const place = { ...(phase === null ? {} : { phase }), step }
    // No part of an output: it is whole by itself.
    if (progress !== undefined) {
      const told = progressSchema.safeParse(cleaned(this.redactor(), progress))
      this.tell(this.redactor().text(line.text), {
        ...place,
        data: { stream, source, ...(told.success ? { progress: told.data } : {}) },
      })
      return
    }
    const name = `${source} ${stream}`
    const lines = this.outputs.get(name)?.lines ?? this.redactor().lines()
    const tell = (text: string) => {
      this.last.push(text.slice(0, 2000))
      if (this.last.length > keptForFailures) this.last.shift()
      this.tell(text, { ...place, data: { stream, source } })
    }
    this.outputs.set(name, { lines, tell })
    for (const text of lines.write(line.text)) tell(text)
  }

  /** The step's output is over: what was held back is told. */
  end(): void {
    for (const { lines, tell } of this.outputs.values()) for (const text of lines.end()) tell(text)
    this.outputs.clear()
  }

  private tell(text: string, rest: Omit<NewEvent, 'type' | 'at' | 'message'>): void {
    if (this.stepBytes >= maxStepLogBytes) return
    const kept = cut(text, maxLogLineBytes)
    this.stepBytes += Buffer.byteLength(kept)
    const full = this.stepBytes >= maxStepLogBytes
    this.waiting.push({
      type: 'log',
      at: this.runtime.now(),
      ...rest,
      message: full ? `${kept.slice(0, 200)} [the step's log is cut here]` : kept,
      data: { ...rest.data, ...(kept === text && !full ? {} : { truncated: true }) },
    })
    this.arm(batchMs)
  }

  take(): NewEvent[] {
    this.stop()
    const taken = this.waiting
    this.waiting = []
    return taken
  }

  /** What could not be written waits again, before what came since. */
  putBack(events: NewEvent[]): void {
    this.waiting = [...events, ...this.waiting]
    if (this.waiting.length > 0) this.arm(10 * batchMs)
  }

  stop(): void {
    this.timer?.abort()
    this.timer = undefined
  }

  private arm(ms: number): void {
    if (this.timer !== undefined) return
    const timer = new AbortController()
    this.timer = timer
    this.runtime.clock.sleep(ms, { signal: timer.signal }).then(
      () => {
        if (this.timer === timer) this.timer = undefined
        this.flush()
      },
      () => undefined,
    )
  }
}

/** At most so many bytes, and no half of a character at the end. */
export function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text
  const whole = Buffer.from(text)
  let end = bytes
  while (end > 0 && ((whole[end] as number) & 0xc0) === 0x80) end -= 1
  return whole.subarray(0, end).toString('utf8')
}
