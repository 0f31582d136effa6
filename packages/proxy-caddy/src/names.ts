import { type Address, AppaloftError, type UpstreamSet } from '@appaloft/core/spec'

/*
 * The name of a marker says everything that Caddy needs for a request: `RANK~a~dep_X~2~127.0.0.1_4001~127.0.0.1_4002`. Caddy takes the
 * first by name, so that making a file with a better rank is the whole of a promotion, and nothing is missing at any moment.
 */

/** The higher the lease's token and then the number, the earlier in the order of names. */
export interface Rank {
  token: number
  number: number
}

const tokenDigits = 11
const numberDigits = 6
export const highestNumber = 36 ** numberDigits - 1
export const rankLength = tokenDigits + numberDigits

const digits = (value: number, length: number): string => value.toString(36).padStart(length, '0')

/** A lower token never comes before a higher one, whatever a former holder of the lease still writes. */
export const rankText = ({ token, number }: Rank): string =>
  digits(Number.MAX_SAFE_INTEGER - token, tokenDigits) + digits(highestNumber - number, numberDigits)

export function parseRank(name: string): Rank | null {
  const text = /^([0-9a-z]+)~/.exec(name)?.[1]
  if (text?.length !== rankLength) return null
  return {
    token: Number.MAX_SAFE_INTEGER - Number.parseInt(text.slice(0, tokenDigits), 36),
    number: highestNumber - Number.parseInt(text.slice(tokenDigits), 36),
  }
}

/** Those of states, the newest first. */
export const ranked = (all: readonly string[]): string[] => all.filter((name) => parseRank(name) !== null).sort()

/** `v`: the identity shows to requests with the token only. */
export const setText = (set: UpstreamSet | null, identity: 'always' | 'verified'): string =>
  [
    identity === 'always' ? 'a' : 'v',
    set?.deploymentId ?? '-',
    set?.addresses.length ?? 0,
    ...(set?.addresses ?? []).map(place),
  ].join('~')

/** How many addresses one upstream set may have: for each number there is a way through Caddy. */
export const mostAddresses = 8
/** Of a file's name. */
const longest = 255

const place = (address: Address): string => (address.kind === 'tcp' ? `${address.host}_${address.port}` : address.path)

/** What cannot become a name is refused before anything is written. */
export function refuseUnnameable(set: UpstreamSet | null, identity: 'always' | 'verified'): void {
  if (set === null) return
  const refuse = (message: string) => new AppaloftError('unsupported-access-policy', { message })
  if (!/^[A-Za-z0-9_.-]+$/.test(set.deploymentId)) throw refuse('The deployment’s id cannot be an identity.')
  for (const address of set.addresses) {
    if (address.kind !== 'tcp' || !/^[A-Za-z0-9_.:-]+$/.test(address.host))
      throw refuse('Caddy is given upstreams with a host and a port only.')
  }
  const tooLong = Buffer.byteLength(setText(set, identity)) + rankLength + 1 > longest
  if (set.addresses.length > mostAddresses || tooLong)
    throw refuse(`Caddy is given at most ${mostAddresses} upstreams at once, and fewer where their names are long.`)
}
