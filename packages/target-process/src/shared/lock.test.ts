import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockHolder, takeLock } from './lock.js'
import { ownIdentity } from './processes.js'

let folder = ''
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'appaloft-lock-')), 'lock')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const plant = (number: number, record: object) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, String(number)), JSON.stringify(record))
}
const dead = { identity: { ...ownIdentity(), startTime: 'before' }, data: {} }

it('is held by one, told with what it says of itself, and free after its release', () => {
  expect(lockHolder(folder)).toBeNull()
  const lock = takeLock(folder, { socket: 'here' })
  expect(lock?.held()).toBe(true)
  expect(lockHolder(folder)).toEqual({ identity: ownIdentity(), data: { socket: 'here' } })
  expect(takeLock(folder)).toBeNull()
  lock?.release()
  expect(lockHolder(folder)).toBeNull()
  expect(takeLock(folder)).not.toBeNull()
})

it('is taken over from a dead holder, and from a file that says nothing', () => {
  plant(3, dead)
  expect(lockHolder(folder)).toBeNull()
  expect(takeLock(folder)).not.toBeNull()
  expect(readdirSync(folder)).toEqual(['4'])
  plant(9, {})
  expect(takeLock(folder)).not.toBeNull()
})

it('numbers never start again: a slow taker of a former number gives up', () => {
  const first = takeLock(folder)
  first?.release()
  takeLock(folder)?.release()
  expect(readdirSync(folder)).toEqual(['2'])
  // Someone else took it meanwhile; whoever arrives with a lower number sees that.
  const late = takeLock(folder)
  plant(7, { identity: ownIdentity(), data: {} })
  expect(late?.held()).toBe(false)
  late?.release()
  expect(lockHolder(folder)?.identity).toEqual(ownIdentity())
})
