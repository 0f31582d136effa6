import { expect, it } from 'vitest'
// @ts-expect-error plain JavaScript without declarations
import { takenOver } from './soak.mjs'

const passed = { passed: 3, failed: 0 }
const former = { state: 'abc', files: { 'a.soak.test.ts': passed, 'b.soak.test.ts': { passed: 2, failed: 1 } } }

it('goes on after what has passed, and runs again what failed', () => {
  expect(takenOver(former, 'abc', false)).toEqual({ 'a.soak.test.ts': passed })
})

it('begins anew where something was changed, where that cannot be told, and when it is asked to', () => {
  expect(takenOver(former, 'abd', false)).toEqual({})
  expect(takenOver({ ...former, state: null }, null, false)).toEqual({})
  expect(takenOver(former, 'abc', true)).toEqual({})
  expect(takenOver(null, 'abc', false)).toEqual({})
})
