import { afterAll, beforeAll, expect, it } from 'vitest'
import { programs } from '../../test/programs.js'

let made: Awaited<ReturnType<typeof programs>>
beforeAll(async () => {
  made = await programs('stuck')
})
afterAll(() => made.end())

const count = 200_000
interface Measured {
  heap: number
  rss: number
  data: number
  status: string
  order: boolean
  read: number
  last: number
}
const mb = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`

it('observers that never read leave the memory as it is, delay nothing, and miss nothing when they read at last', async () => {
  const told = await made.start('stuck', [`${count}`, '30'], ['--expose-gc']).hear('measured', 600_000)
  const { heap, rss, data, status, order, read, last } = told as unknown as Measured
  console.log(
    `${count} events of ${mb(data)} beside 30 stuck observers: heap ${mb(heap)}, RSS ${mb(rss)} more than before`,
  )
  // A thirtieth of what any one of them would have to keep.
  expect(heap).toBeLessThan(data / 30)
  // What collecting garbage leaves to the process, and the pages of SQLite.
  expect(rss).toBeLessThan(data / 2)
  expect(status).toBe('succeeded')
  expect(last).toBeGreaterThan(count)
  expect(read).toBe(last)
  expect(order).toBe(true)
}, 1_200_000)
