import { createServer } from 'node:net'

/*
 * Below the range from which systems take the ports of outgoing connections (from 32768 on Linux), so that a release that restarts
 * finds its port as it left it.
 */
const lowest = 20_000
const highest = 31_999

const canListen = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => {
      // a machine without this kind of address has nobody listening on it
      resolve('code' in error && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT'))
    })
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })

/** Could a release listen on it now, on one address or on all of them? */
export const portIsFree = async (port: number): Promise<boolean> =>
  (await canListen(port, '127.0.0.1')) && (await canListen(port, '::1')) && (await canListen(port, '0.0.0.0'))

/** Gives each port once, as long as it is not given back. */
export class Ports {
  readonly #given = new Set<number>()

  reserve(port: number): void {
    this.#given.add(port)
  }

  free(port: number): void {
    this.#given.delete(port)
  }

  async take(): Promise<number> {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const port = lowest + Math.floor(Math.random() * (highest - lowest + 1))
      if (this.#given.has(port)) continue
      this.#given.add(port)
      if (await portIsFree(port)) return port
      this.#given.delete(port)
    }
    throw new Error(`no free port between ${lowest} and ${highest}`)
  }
}
