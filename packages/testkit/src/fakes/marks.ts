import { AppaloftError, type FenceOptions } from '@appaloft/core/spec'

/** The fences of a fake: one mark a resource, raised by compare-and-set. */
export class Marks {
  readonly #marks = new Map<string, { token: number; owner: string }>()

  read(resourceId: string): number {
    return this.#marks.get(resourceId)?.token ?? 0
  }

  raise(resourceId: string, token: number, options: FenceOptions): void {
    const mark = this.#marks.get(resourceId)
    if (mark !== undefined && mark.token === token && mark.owner === options.owner) return
    const present = mark?.token ?? 0
    if (present !== options.expected || token <= present) throw fenced(resourceId, token, present)
    this.#marks.set(resourceId, { token, owner: options.owner })
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
