import { expect, it } from 'vitest'
import { onlyPort, portsText, readPorts } from './ports.js'

it.each([
  ['8080', '8080'],
  ['8080/tcp', '8080'],
  ['53/UDP', '53/udp'],
  ['9/sctp', '9/sctp'],
  ['8000-8010/tcp', '8000-8010'],
  ['80:8080', '8080'],
  ['127.0.0.1:80:8080', '8080'],
  ['0', '0'],
])('%s is %s', (text, expected) => {
  const ports = readPorts(text)
  expect(ports && portsText(ports)).toBe(expected)
})

it.each(['', 'http', '70000', '1-2-3', '9-8', '80/foo', '80/tcp/x', 'x:80', '80,81', '-1', '1e3', '８０'])(
  '%j is no port',
  (text) => {
    expect(readPorts(text)).toBeNull()
  },
)

it('is the only one where all name the same', () => {
  const of = (...texts: string[]) => onlyPort(texts.map((text) => readPorts(text)!))
  expect(of('80', '80/tcp', '53/udp')).toBe(80)
  expect(of('80', '81')).toBeNull()
  expect(of('80-81')).toBeNull()
  expect(of('80', '80-81')).toBeNull()
  expect(of('53/udp', '0')).toBeUndefined()
})
