import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { mendRotation, rotatedLogs, rotateLog } from './rotate.js'

let folder = ''
let log = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-rotate-'))
  log = join(folder, 'log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const names = () => rotatedLogs(log).map((one) => one.number)
const read = (path: string) => readFileSync(path, 'utf8')

it('a small log stays, a full one is copied and emptied', () => {
  writeFileSync(log, '12345')
  expect(rotateLog(log, { bytes: 6, files: 2 })).toBe(false)
  expect(rotateLog(log, { bytes: 5, files: 2 })).toBe(true)
  expect([read(log), read(`${log}.1`)]).toEqual(['', '12345'])
  expect(rotateLog(join(folder, 'none'), { bytes: 1, files: 2 })).toBe(false)
})

it('numbers grow, and only the newest copies stay', () => {
  for (let round = 1; round <= 5; round += 1) {
    appendFileSync(log, `round ${round}`)
    rotateLog(log, { bytes: 1, files: 2 })
  }
  expect(names()).toEqual([4, 5])
  expect([read(`${log}.4`), read(`${log}.5`)]).toEqual(['round 4', 'round 5'])
})

it('a rotation that was cut off before the log was emptied is undone, one after it is finished', () => {
  writeFileSync(log, 'all of it')
  writeFileSync(`${log}.rotating`, 'all o')
  mendRotation(log)
  expect([read(log), names(), existsSync(`${log}.rotating`)]).toEqual(['all of it', [], false])
  writeFileSync(`${log}.rotating`, 'all of it')
  writeFileSync(log, 'new')
  mendRotation(log)
  expect([read(log), names(), read(`${log}.1`)]).toEqual(['new', [1], 'all of it'])
})
