import { describe, expect, it } from 'vitest'
import { AnswerParser, ProtocolError } from './parser.js'

/** Feeds the text in pieces of this size and tells what the sink was told. */
function parse(text: string, size: number, { head = false, ends = false } = {}) {
  const told = { heads: [] as string[], body: '', ended: 0, trailers: [] as string[], information: [] as number[] }
  const parser = new AnswerParser({
    onInformation: (status) => told.information.push(status),
    onHead: ({ status, reason, framing, headers, keepAlive }) =>
      told.heads.push([status, reason, framing, keepAlive ? 'keep' : 'close', ...headers].join('|')),
    onData: (chunk) => {
      told.body += chunk.toString('latin1')
    },
    onEnd: (trailers) => {
      told.ended++
      told.trailers = trailers
    },
  })
  parser.expect(head)
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size))
  if (ends) parser.finish()
  return { ...told, done: parser.done }
}

const sound: [string, string, { head?: boolean; ends?: boolean }, Partial<ReturnType<typeof parse>>][] = [
  [
    'a length',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  a b \t\r\n\r\nhello',
    {},
    { heads: ['200|OK|length|keep|Content-Length|5|X-A|a b'], body: 'hello', done: true },
  ],
  ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', {}, { heads: ['204|No Content|none|keep'], body: '', done: true }],
  [
    'no reason',
    'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n',
    {},
    { heads: ['200||length|keep|content-length|0'], done: true },
  ],
  [
    'a HEAD',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    { head: true },
    { heads: ['200|OK|none|keep|Content-Length|5'], body: '', done: true },
  ],
  [
    'a 304 with the length of what it stands for',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    {},
    { heads: ['304|Not Modified|none|keep|Content-Length|5'], done: true },
  ],
  [
    'chunks, with an extension and trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\none\r\n00A \r\n 0123\r\n45 \r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n',
    {},
    { heads: ['200|OK|chunked|keep'], body: 'one 0123\r\n45 ', trailers: ['X-Sum', '1', 'X-Sum', '2'], done: true },
  ],
  [
    'the end of the connection',
    'HTTP/1.1 200 OK\r\n\r\nall of it',
    { ends: true },
    { heads: ['200|OK|close|keep'], body: 'all of it', done: true },
  ],
  [
    'HTTP/1.0',
    'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx',
    {},
    { heads: ['200|OK|length|close|Content-Length|1'] },
  ],
  [
    'what announces the answer',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
    {},
    { information: [100, 103], body: 'x', done: true },
  ],
  [
    'a value that goes on in the next line',
    'HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\nContent-Length: 0\r\n\r\n',
    {},
    { heads: ['200|OK|length|keep|X-A|one two|Content-Length|0'] },
  ],
  [
    'a length of none',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    {},
    {
      heads: ['200|OK|length|close|Content-Length|0'],
      done: true,
    },
  ],
]

describe('an answer with', () => {
  for (const [what, text, options, expected] of sound) {
    it(`${what} is read, in whatever pieces it comes`, () => {
      for (let size = 1; size <= text.length; size++) {
        const told = parse(text, size, options)
        expect({ size, ...told }).toMatchObject({ size, ended: 1, ...expected })
      }
    })
  }
})

const unsound: [string, string][] = [
  ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['another version', 'HTTP/2 200 OK\r\n\r\n'],
  ['a switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n'],
  ['a length below zero', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n'],
  ['a length in hex', 'HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n'],
  ['an encoding that is not known', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n'],
  ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n'],
  ['a size beyond measure', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n'],
  ['a header without a name', 'HTTP/1.1 200 OK\r\n: value\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nX-A : value\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\n${'X-A: value\r\n'.repeat(6_000)}`],
  ['a line without end', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(5_000)}`],
]

describe('refused is', () => {
  for (const [what, text] of unsound) {
    // A head at its limit, byte by byte, takes seconds where the machine is busy.
    it(what, { timeout: 60_000 }, () => {
      for (const size of [1, 7, text.length]) expect(() => parse(text, size)).toThrow(ProtocolError)
    })
  }
})

it('knows a connection that is out of step', () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'
  const told: boolean[] = []
  const parser: AnswerParser = new AnswerParser({
    onInformation: () => {},
    onHead: () => {},
    onData: () => {},
    onEnd: () => told.push(parser.done),
  })
  for (const text of [answer, `${answer}HTTP/1.1 200 OK\r\n`, answer]) {
    parser.expect(false)
    parser.feed(Buffer.from(text))
  }
  expect(told).toEqual([true, false, true])
})

it('does not take a cut answer for a whole one', () => {
  for (const text of [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  ]) {
    const { ended, done } = parse(text, text.length, { ends: true })
    expect({ ended, done }).toEqual({ ended: 0, done: false })
  }
})
