import { expect, it, vi } from 'vitest'
import { z } from 'zod'
import { object, strictObject } from './schema.js'

const fields = () => ({ name: z.string(), port: z.number().optional() })

it('makes its fields at the first look, and once', () => {
  const shape = vi.fn(fields)
  const schema = strictObject(shape)
  const others = [schema.optional(), z.array(schema), schema.refine(() => true), schema.nullable()]
  expect(shape).not.toHaveBeenCalled()
  for (const other of others) other.safeParse({})
  schema.parse({ name: 'web' })
  expect(shape).toHaveBeenCalledTimes(1)
})

it('behaves as zod’s own in everything else', () => {
  const mine = { strict: strictObject(fields), plain: object(fields) }
  const theirs = { strict: z.strictObject(fields()), plain: z.object(fields()) }
  for (const kind of ['strict', 'plain'] as const) {
    for (const value of [{ name: 'a' }, { name: 'a', port: 1, more: true }, { port: 'x' }, null, []]) {
      const [a, b] = [mine[kind].safeParse(value), theirs[kind].safeParse(value)]
      expect([a.success, a.data, a.error?.issues]).toEqual([b.success, b.data, b.error?.issues])
    }
    expect(Object.keys(mine[kind].shape)).toEqual(['name', 'port'])
    expect(z.toJSONSchema(mine[kind])).toEqual(z.toJSONSchema(theirs[kind]))
    expect(mine[kind].extend({ id: z.string() }).safeParse({ name: 'a' }).success).toBe(false)
    expect(mine[kind].partial().parse({})).toEqual({})
    expect(z.discriminatedUnion('kind', [object(() => ({ kind: z.literal('a') }))]).parse({ kind: 'a' })).toEqual({
      kind: 'a',
    })
  }
})
