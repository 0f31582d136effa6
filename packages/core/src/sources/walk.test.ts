import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { walk } from './walk.js'

let root: string
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'appaloft-walk-')))
  await mkdir(join(root, 'd', 'empty'), { recursive: true })
  for (const name of ['a', 'b', 'd/c', '.gitignore']) await writeFile(join(root, name), 'a\n')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const signal = AbortSignal.timeout(10_000)
const limits = { bytes: 1000, entries: 1000 }

it('lists files and empty folders, everything or what is not ignored', async () => {
  const paths = async (ignore: boolean) => (await walk(root, { limits, signal, ignore })).map(({ path }) => path).sort()
  expect(await paths(false)).toEqual(['.gitignore', 'a', 'b', 'd/c', 'd/empty'])
  expect(await paths(true)).toEqual(['.gitignore', 'b', 'd/c', 'd/empty'])
})

it.each([
  [{ bytes: 7, entries: 1000 }, /larger than 7 bytes/],
  [{ bytes: 1000, entries: 4 }, /more than 4 entries/],
])('holds to the limits %j', async (small, message) => {
  await expect(walk(root, { limits: small, signal })).rejects.toMatchObject({
    code: 'source-unreadable',
    message: expect.stringMatching(message),
  })
  expect(await walk(root, { limits: { bytes: 8, entries: 5 }, signal })).toHaveLength(5)
})

it('gives others a turn in a big folder, and stops when it is told to', async () => {
  for (let i = 0; i < 3000; i++) await writeFile(join(root, `f${i}`), '')
  let turns = 0
  const timer = setInterval(() => {
    turns += 1
  }, 1)
  await walk(root, { limits: { bytes: 1e6, entries: 1e6 }, signal })
  clearInterval(timer)
  expect(turns).toBeGreaterThan(0)
  const reason = new Error('enough')
  const abort = new AbortController()
  const walking = walk(root, { limits: { bytes: 1e6, entries: 1e6 }, signal: abort.signal })
  setTimeout(() => abort.abort(reason), 1)
  await expect(walking).rejects.toBe(reason)
})
