import { AppaloftError, type FenceOptions, type MachineLease } from '@appaloft/core/spec'

/** The fences of a fake: one mark a resource, raised by compare-and-set. */
export class Marks {
  readonly #marks = new Map<string, MachineLease>()

  read(resourceId: string): number {
    return this.#marks.get(resourceId)?.token ?? 0
  }

  raise(resourceId: string, token: number, options: FenceOptions): void {
    const mark = this.#marks.get(resourceId)
    if (mark !== undefined && mark.token === token && mark.owner === options.owner) return
    const present = mark?.token ?? 0
    if (present !== options.expected || token <= present) throw fenced(resourceId, token, present)
    this.#marks.set(resourceId, { token, owner: options.owner, held: true, beats: 0, wanted: null })
  }

  lease(resourceId: string): MachineLease | null {
    const mark = this.#marks.get(resourceId)
    return mark === undefined ? null : { ...mark }
  }

  beat(resourceId: string, token: number): Pick<MachineLease, 'wanted'> {
    this.check(resourceId, token)
    const mark = this.#own(resourceId, token)
    if (mark !== undefined) mark.beats += 1
    return { wanted: mark?.wanted ?? null }
  }

  ask(resourceId: string, token: number, by: string): void {
    const mark = this.#own(resourceId, token)
    if (mark !== undefined) mark.wanted ??= by
  }

  release(resourceId: string, token: number): void {
    const mark = this.#own(resourceId, token)
    if (mark !== undefined) mark.held = false
  }

  #own(resourceId: string, token: number): MachineLease | undefined {
    const mark = this.#marks.get(resourceId)
    return mark?.token === token ? mark : undefined
  }

  check(resourceId: string, token: number): void {
    const present = this.read(resourceId)
    if (token < present) throw fenced(resourceId, token, present)
  }
}

const fenced = (resourceId: string, token: number, present: number) =>
  new AppaloftError('fenced', {
    message: `Token ${token} for ${resourceId} was refused: the fence stands at ${present}.`,
    details: { resourceId, token, present },
  })
