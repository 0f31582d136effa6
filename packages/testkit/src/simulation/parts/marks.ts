import { AppaloftError, type FenceOptions, type MachineLease } from '@appaloft/core/spec'

export type Mark = MachineLease

const fenced = (token: number, present: number) =>
  new AppaloftError('fenced', {
    message: `The token ${token} is refused: the fence stands at ${present}.`,
    details: { token, present },
  })

/** By compare-and-set; the same call made twice by one owner succeeds. */
export function raise(marks: Map<string, Mark>, resourceId: string, token: number, options: FenceOptions): void {
  const mark = marks.get(resourceId)
  if (mark?.token === token && mark.owner === options.owner) return
  const present = mark?.token ?? 0
  if (present !== options.expected || token <= present) throw fenced(token, present)
  marks.set(resourceId, { token, owner: options.owner, held: true, beats: 0, wanted: null })
}

export function compare(marks: Map<string, Mark>, resourceId: string, token: number): void {
  const present = marks.get(resourceId)?.token ?? 0
  if (token < present) throw fenced(token, present)
}
