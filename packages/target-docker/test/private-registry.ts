import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A door before a registry that lets only those in who know the password. */
export async function privateRegistry(
  registry: string,
  login: { username: string; password: string },
): Promise<{ host: string; refused(): number; close(): void }> {
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const [host, port] = registry.split(':')
  let refused = 0
  const server: Server = createServer((call, answer) => {
    const { method, url, headers } = call
    if (headers.authorization !== expected) {
      refused += 1
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="private"', 'content-type': 'application/json' })
      answer.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }))
      call.resume()
      return
    }
    const { authorization: _, ...rest } = headers
    const onward = request({ host, port, method, path: url, headers: rest }, (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers)
      given.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    call.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused: () => refused,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
