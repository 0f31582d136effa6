import http from 'node:http'
import type { Socket } from 'node:net'
import { connectionOf } from './connection.js'
import type { Plane, Scope } from './decide.js'
import { forward } from './forward.js'
import { maxHeaderSize } from './limits.js'
import { upgrade } from './upgrade.js'

/** One listener's server: the shared one (scope null), or the one of a resource's own port. */
export function createDataServer(plane: Plane, scope: Scope): http.Server {
  const server = http.createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize,
    highWaterMark: 64 * 1024,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    // Longer than the usual proxy or load balancer in front, so that it is never this side that closes a connection in use.
    keepAliveTimeout: 75_000,
    // A head has a minute; a body as long as it takes.
    headersTimeout: 60_000,
    requestTimeout: 0,
  })
  server.on('connection', (socket: Socket) => void connectionOf(socket))
  server.on('request', (req, res) => forward(plane, scope, req, res, false))
  server.on('checkContinue', (req, res) => forward(plane, scope, req, res, true))
  server.on('upgrade', (req, socket: Socket, first) => upgrade(server, plane, scope, req, socket, first))
  return server
}
