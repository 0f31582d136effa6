import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppaloftError } from '@appaloft/core/spec'
import { getRequestListener } from '@hono/node-server'
import type { Handler } from './handler.js'
import { problemOf } from './problems.js'

/** A listener for `createServer` of `node:http`. */
export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** The handler as a listener of `node:http`. Global objects stay as they are. */
export function toNodeListener(handler: Handler): NodeListener {
  const listener = getRequestListener(handler, {
    overrideGlobalObjects: false,
    // The handler does not reject: here a request was no request at all, such as one with an impossible Host.
    errorHandler: () => {
      const body = problemOf(new AppaloftError('invalid-input', { message: 'The request cannot be read.' }))
      return new Response(JSON.stringify(body), {
        status: body.status,
        headers: { 'content-type': 'application/problem+json' },
      })
    },
  })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}
