import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'

/**
 * A socket before the engine's: `before` is waited for ahead of each request that it is asked of, so that something can happen between
 * two calls of a target.
 */
export async function relay(
  path: string,
  engine: string,
  before: (call: { method: string; url: string }) => Promise<void>,
): Promise<Server> {
  rmSync(path, { force: true })
  const server = createServer(async (call: IncomingMessage, answer) => {
    await before({ method: call.method ?? '', url: call.url ?? '' })
    const { method, url, headers } = call
    const onward = request({ socketPath: engine, method, path: url, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers)
      given.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    call.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return server
}
