import { expect, it } from 'vitest'
import type { DetectResult, PlanInput } from '../detecting.js'
import { sameSource } from './gates.js'

const found: DetectResult = { opened: null, identity: null, detected: null, contextAt: null, reasons: [] }
const input = (signal: AbortSignal): PlanInput => ({
  definition: { id: 'res_shop', source: { kind: 'local-folder', path: '/nowhere' } },
  target: null,
  signal,
})

it('who is canceled while another target reads the source does not wait for that', async () => {
  const { read } = sameSource()
  let goOn = () => {}
  const slow = read!(input(new AbortController().signal), () => new Promise((resolve) => (goOn = () => resolve(found))))
  const canceled = new AbortController()
  const second = read!(input(canceled.signal), () => Promise.reject(new Error('it was read all the same')))
  let third = false
  const last = read!(input(new AbortController().signal), async () => {
    third = true
    return found
  })
  canceled.abort(new Error('canceled'))
  await expect(second).rejects.toThrow('canceled')
  // One at a time, as before.
  expect(third).toBe(false)
  goOn()
  await Promise.all([slow, last])
  expect(third).toBe(true)
})
