import { describe, expect, it } from 'vitest'
import { deploymentIdSchema, releaseIdSchema, resourceIdSchema } from '../spec/ids.js'
import { ulidIds } from './ids.js'

describe('ulidIds', () => {
  it('gives ids that the schemas accept', () => {
    const ids = ulidIds()
    for (let i = 0; i < 200; i++) {
      deploymentIdSchema.parse(ids.next('dep'))
      releaseIdSchema.parse(ids.next('rel'))
      resourceIdSchema.parse(ids.next('res'))
    }
    expect(ids.next('eng')).toMatch(/^eng_[0-9a-z]{26}$/)
  })

  it('grows with every id, many in one millisecond included', () => {
    const ids = ulidIds()
    const given = Array.from({ length: 2000 }, () => ids.next('dep'))
    expect(given).toEqual([...given].sort())
    expect(new Set(given).size).toBe(given.length)
  })

  it('gives two engines different ids', () => {
    expect(ulidIds().next('eng')).not.toBe(ulidIds().next('eng'))
  })
})
