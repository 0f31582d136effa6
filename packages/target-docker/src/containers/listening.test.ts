import { expect, it } from 'vitest'
import { parse } from './listening.js'

const row = (address: string, port: number, state = '0A') =>
  `   0: ${address}:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1`

it('tells ports that are open from those on the loopback alone', () => {
  const table = [
    '  sl  local_address rem_address   st',
    row('00000000', 8080),
    row('0100007F', 3000),
    row('0B00007F', 41000),
    row('00000000', 9999, '01'),
    row('00000000000000000000000000000000', 443),
    row('00000000000000000000000001000000', 5000),
    row('0000000000000000FFFF00000100007F', 6000),
    row('0200000A', 7000),
    row('0100007F', 8080),
  ]
  expect(parse(table.join('\n'))).toEqual({ open: [443, 7000, 8080], loopback: [3000, 5000, 6000] })
})
