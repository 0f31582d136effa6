import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readBody } from './body.js'

const json = 'application/json'
const read = (
  body: string | Uint8Array | ReadableStream | null,
  headers: Record<string, string> = { 'content-type': json },
  limit = 1000,
) => readBody(new Request('http://localhost/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit), limit)
const bytes = (...all: number[]) => new Uint8Array(all)
const refused = (code: string) => expect.objectContaining({ code })

describe('a body', () => {
  it.each([
    ['{"a":[1,null]}', { a: [1, null] }],
    ['\ufeff{"a":1}', { a: 1 }],
    ['7', 7],
    ['"ä"', 'ä'],
  ])('%j is read', async (body, value) => expect(await read(body)).toEqual(value))

  it('may be absent, of whatever type it then says to be', async () => {
    expect(await read(null, {})).toBeUndefined()
    expect(await read('', { 'content-type': 'text/plain' })).toBeUndefined()
  })

  it.each(['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])('may say %s', async (type) => {
    expect(await read('{}', { 'content-type': type })).toEqual({})
  })

  it.each([
    ['text/plain', {}],
    ['application/json; charset=utf-16', {}],
    ['application/json-patch+json', {}],
    ['', {}],
    [json, { 'content-encoding': 'gzip' }],
    [json, { 'content-encoding': 'identity, br' }],
  ])('of type %j with %j is not read', async (type, headers) => {
    await expect(read('{}', { 'content-type': type, ...headers })).rejects.toThrow(refused('unsupported-media-type'))
  })

  it.each([
    ['half an object', '{"a":'],
    ['no JSON', 'resource=res_shop'],
    ['two values', '{} {}'],
    ['half a UTF-8 character', bytes(0x22, 0xc3, 0x22)],
    ['UTF-16', new Uint8Array(Buffer.from('{}', 'utf16le'))],
    ['compressed, and not saying so', new Uint8Array(gzipSync('{}'))],
    ['a NUL in a text', '{"a":"\\u0000"}'],
    ['half a character in a text', '{"a":"\\ud800"}'],
    ['__proto__', '{"a":{"__proto__":{"admin":true}}}'],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['a quarter of a million levels', '['.repeat(250_000)],
    ['the same, closed', '['.repeat(250_000) + ']'.repeat(250_000)],
    ['as many objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ])('with %s is no input', async (_, body) => {
    await expect(read(body, { 'content-type': json }, 1024 * 1024)).rejects.toThrow(refused('invalid-input'))
  })

  it('may have 32 levels', async () => {
    expect(await read(`${'['.repeat(32)}${']'.repeat(32)}`)).toBeDefined()
  })

  it('names where it is wrong', async () => {
    await expect(read('{"a":[{"b":"\\u0000"}]}')).rejects.toThrow('body.a[0].b: holds a NUL character')
  })

  it('that breaks off is no input', async () => {
    const stream = new ReadableStream({
      pull(out) {
        out.error(new Error('reset'))
      },
    })
    await expect(read(stream)).rejects.toThrow(refused('invalid-input'))
  })
})

describe('the limit', () => {
  it('is exact', async () => {
    const of = (length: number) => `"${'x'.repeat(length - 2)}"`
    expect(await read(of(1000))).toHaveLength(998)
    await expect(read(of(1001))).rejects.toThrow(refused('payload-too-large'))
  })

  it('is seen in the header, before anything is read', async () => {
    let read = 0
    const stream = new ReadableStream(
      {
        pull(out) {
          read += 1
          out.enqueue(bytes(0x20))
        },
      },
      { highWaterMark: 0 },
    )
    const request = new Request('http://localhost/', {
      method: 'POST',
      body: stream,
      headers: { 'content-type': json, 'content-length': '1001' },
      duplex: 'half',
    } as RequestInit)
    await expect(readBody(request, 1000)).rejects.toThrow(refused('payload-too-large'))
    expect(read).toBe(0)
  })

  it('ends a long body without a length', async () => {
    let sent = 0
    let canceled = false
    const stream = new ReadableStream({
      pull(out) {
        sent += 100
        out.enqueue(new Uint8Array(100).fill(0x20))
        if (sent > 1_000_000) out.close()
      },
      cancel() {
        canceled = true
      },
    })
    await expect(read(stream)).rejects.toThrow(refused('payload-too-large'))
    expect(sent).toBeLessThan(1500)
    expect(canceled).toBe(true)
  })
})
