/** One or more ports that an EXPOSE names. */
export interface Ports {
  from: number
  to: number
  protocol: 'tcp' | 'udp' | 'sctp'
}

const numberOf = (text: string): number | null =>
  /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null

function rangeOf(text: string): { from: number; to: number } | null {
  const [first = '', last = first, ...more] = text.split('-')
  const from = numberOf(first)
  const to = numberOf(last)
  return from === null || to === null || to < from || more.length > 0 ? null : { from, to }
}

/** Reads `8080`, `8080/udp`, `8000-8010`; of `80:8080` the last part counts, as builders take it. Null where it is none of them. */
export function readPorts(text: string): Ports | null {
  const parts = text.split(':')
  const [numbers = '', protocol = '', ...more] = (parts.at(-1) ?? '').split('/')
  const range = rangeOf(numbers)
  const known = protocol === '' ? 'tcp' : protocol.toLowerCase()
  if (range === null || more.length > 0 || (known !== 'tcp' && known !== 'udp' && known !== 'sctp')) return null
  // What stands before is checked as well: a port or range, and before that an address.
  const host = parts.at(-2) ?? ''
  return host !== '' && rangeOf(host) === null ? null : { ...range, protocol: known }
}

/** `8080`, `8000-8010`, `53/udp`. */
export function portsText({ from, to, protocol }: Ports): string {
  const numbers = from === to ? String(from) : `${from}-${to}`
  return protocol === 'tcp' ? numbers : `${numbers}/${protocol}`
}

/** The one TCP port that all of them name together; null where there are several, undefined where there is none. */
export function onlyPort(all: readonly Ports[]): number | null | undefined {
  const tcp = all.filter(({ protocol, to }) => protocol === 'tcp' && to > 0)
  const [first] = tcp
  if (first === undefined) return undefined
  return first.from === first.to && tcp.every(({ from, to }) => from === first.from && to === first.from)
    ? first.from
    : null
}
