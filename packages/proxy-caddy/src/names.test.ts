import type { UpstreamSet } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { highestNumber, parseRank, rankText, refuseUnnameable, setText } from './names.js'

const set = (...places: [string, number][]): UpstreamSet => ({
  deploymentId: 'dep_x',
  releaseId: 'rel_x',
  addresses: places.map(([host, port]) => ({ kind: 'tcp', host, port })),
})

it('puts a later rank earlier in the order of names, tokens first', () => {
  const ascending = [
    { token: 0, number: 1 },
    { token: 5, number: 0 },
    { token: 5, number: 1 },
    { token: 5, number: 36 },
    { token: 5, number: highestNumber },
    { token: 6, number: 0 },
    { token: 40, number: 0 },
    { token: Number.MAX_SAFE_INTEGER, number: 3 },
  ]
  const names = ascending.map(rankText)
  expect([...names].sort().reverse()).toEqual(names)
  expect(new Set(names.map((name) => name.length))).toEqual(new Set([17]))
  expect(names.map((name) => parseRank(`${name}~a~-~0`))).toEqual(ascending)
})

it('takes no other file for a marker', () => {
  for (const name of ['new-1', 'v.zzzzzzzzzzzzzzzzz', 'zzz~a~-~0', 'ZZZZZZZZZZZZZZZZZ~a'])
    expect(parseRank(name)).toBeNull()
})

it('says in a name who serves, where, and whether users may know', () => {
  expect(setText(null, 'always')).toBe('a~-~0')
  expect(setText(set(['127.0.0.1', 4001], ['::1', 4002], ['web_1', 80]), 'verified')).toBe(
    'v~dep_x~3~127.0.0.1_4001~::1_4002~web_1_80',
  )
})

it('refuses what no name can hold', () => {
  const code = (given: UpstreamSet) => {
    try {
      refuseUnnameable(given, 'always')
      return null
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect(code(set(...Array.from({ length: 8 }, (_, at): [string, number] => ['127.0.0.1', 40_000 + at])))).toBeNull()
  expect(code(set(...Array.from({ length: 9 }, (_, at): [string, number] => ['::1', 1 + at])))).toBe(
    'unsupported-access-policy',
  )
  expect(code(set(['a'.repeat(250), 1]))).toBe('unsupported-access-policy')
  for (const host of ['../x', 'a/b', 'a~b', '{x}', '*'])
    expect(code(set([host, 1])), host).toBe('unsupported-access-policy')
  expect(code({ ...set(), addresses: [{ kind: 'unix', path: '/run/x.sock' }] })).toBe('unsupported-access-policy')
})
