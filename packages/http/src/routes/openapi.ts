import { noQuerySchema } from '../schemas.js'
import { type Route, route } from './route.js'

export const documentRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/openapi.json',
    action: 'openapi',
    summary: 'This document',
    query: noQuerySchema,
    answers: [{ status: 200, description: 'OpenAPI 3.1.', content: { 'application/json': 'JsonObject' } }],
    missing: 'endpoint-not-found',
    handle: async (call) =>
      // Its paths are of URLs, not of this machine.
      new Response(JSON.stringify(call.document()), {
        headers: {
          'content-type': 'application/json',
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
        },
      }),
  })
