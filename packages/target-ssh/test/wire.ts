import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'

export interface Wire {
  port: number
  /** How many connections have been made. */
  made(): number
  /** How many bytes have passed, both ways together. */
  bytes(): number
  /** Keeps what passes from now on, both ways. */
  record(): void
  recorded(): Buffer
  /** Cuts all of them, as a broken cable with a reset would. */
  cut(): void
  /** Cuts them as soon as so many bytes, both ways together, have passed from now on. */
  cutAfter(bytes: number): void
  /** Nothing passes any more, and nobody is told. */
  freeze(): void
  thaw(): void
  close(): Promise<void>
}

/** A port of 127.0.0.1 that leads to another one, until it is told otherwise. */
export async function wireTo(port: number): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let made = 0
  let bytes = 0
  let kept: Buffer[] | null = null
  let left = Number.POSITIVE_INFINITY
  let frozen = false
  const cut = () => {
    for (const pair of pairs) for (const one of pair) one.resetAndDestroy()
    pairs.clear()
    left = Number.POSITIVE_INFINITY
  }
  const server = createServer((near) => {
    made += 1
    const far = dial(port, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    if (frozen) for (const one of pair) one.pause()
    for (const [from, to] of [pair, [far, near]] as const) {
      from.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        kept?.push(chunk)
        left -= chunk.length
        if (left <= 0) cut()
        else to.write(chunk)
      })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => pairs.delete(pair))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    made: () => made,
    bytes: () => bytes,
    record: () => {
      kept = []
    },
    recorded: () => Buffer.concat(kept ?? []),
    cut,
    cutAfter: (bytes) => {
      left = bytes
    },
    freeze: () => {
      frozen = true
      for (const pair of pairs) for (const one of pair) one.pause()
    },
    thaw: () => {
      frozen = false
      for (const pair of pairs) for (const one of pair) one.resume()
    },
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
