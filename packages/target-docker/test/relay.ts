import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'

interface Call {
  method: string
  url: string
}

/**
 * A socket before the engine's: `before` is waited for ahead of each request that it is asked of, so that something can happen between
 * two calls of a target; what it answers is answered in place of the engine. `after` is waited for before the engine's answer is told: false,
 * and the connection is cut instead.
 */
export async function relay(
  path: string,
  engine: string,
  before: (call: Call) => Promise<{ status: number; message: string } | undefined> | Promise<void>,
  after: (call: Call) => Promise<boolean> = async () => true,
): Promise<Server> {
  rmSync(path, { force: true })
  /** Of each connection one after the other, as the engine does them. */
  const turns = new WeakMap<object, Promise<unknown>>()
  const server = createServer(async (call: IncomingMessage, answer) => {
    const former = turns.get(call.socket)
    turns.set(call.socket, once(answer, 'close'))
    await former
    const { method = '', url = '', headers } = call
    const instead = await before({ method, url })
    if (instead) {
      call.resume()
      answer.writeHead(instead.status).end(JSON.stringify({ message: instead.message }))
      return
    }
    const onward = request({ socketPath: engine, method, path: url, headers }, async (given) => {
      if (!(await after({ method, url }))) return void call.socket.destroy()
      answer.writeHead(given.statusCode ?? 500, given.headers)
      given.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    call.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return server
}
