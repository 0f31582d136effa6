import { expect, it } from 'vitest'
import type { Changed, Files, Look } from './files.js'
import { remembering } from './remembered.js'

const fenceOf = (look: Look | null) => look?.fence
const seen = (fence: string): Changed => ({ chain: [], fence, generations: [], done: true })

it('what was seen last is what was looked at after the last change, or came with it', async () => {
  const waiting: ((look: Changed) => void)[] = []
  const asked = () => new Promise<Changed>((resolve) => waiting.push(resolve))
  const files = remembering({ look: asked, change: asked } satisfies Files)
  expect(files.last('a')).toBeNull()
  const early = files.look('a')
  const change = files.change('a', [])
  const late = files.look('a')
  waiting[1]!(seen('changed'))
  await change
  expect(fenceOf(files.last('a'))).toBe('changed')
  // Begun before the change came back: it may have been looked before it was made.
  for (const [number, look] of [early, late].entries()) {
    waiting[number * 2]!(seen('earlier'))
    expect(fenceOf(await look)).toBe('earlier')
    expect(fenceOf(files.last('a'))).toBe('changed')
  }
  const next = files.look('a')
  const fences = files.look('a', 'fences')
  waiting[3]!(seen('next'))
  waiting[4]!(seen('no generations'))
  await Promise.all([next, fences])
  expect(fenceOf(files.last('a'))).toBe('next')
  expect(files.last('b')).toBeNull()
})
