import { expect, it } from 'vitest'
import { Beside } from './beside.js'

it('the end waits for what goes beside, whatever becomes of it', async () => {
  const beside = new Beside()
  const done: string[] = []
  beside.add(Promise.reject(new Error('failed')))
  beside.add(new Promise((resolve) => setTimeout(resolve, 20)).then(() => done.push('done')))
  await beside.over()
  expect(done).toEqual(['done'])
})

it('the end does not wait for what stands still', async () => {
  const beside = new Beside()
  beside.add(new Promise(() => undefined))
  await beside.over(10)
}, 4_000)
