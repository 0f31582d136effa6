import { type Appaloft, AppaloftError, type JsonObject } from '@appaloft/core/spec'
import { Hono } from 'hono'
import { openApiDocument } from './openapi.js'
import { type HandlerOptions, settingsOf } from './options.js'
import { PathFilter } from './paths.js'
import { problemOf } from './problems.js'
import { routes } from './routes/index.js'
import { json, type Route, type Tools } from './routes/route.js'

export type Handler = (request: Request) => Promise<Response>

/**
 * A fetch handler for the engine: mounts in anything that speaks `Request` and `Response`, and in `node:http` with `toNodeListener`.
 * Never rejects: what goes wrong is a problem response with a code. The engine stays the caller's: close it when the server is closed.
 *
 * @example createServer(toNodeListener(createHandler(appaloft, { authorize: bearerToken([token]) })))
 */
export function createHandler(appaloft: Appaloft, options: HandlerOptions = {}): Handler {
  const settings = settingsOf(appaloft, options)
  let document: JsonObject | undefined
  const tools: Tools = {
    settings,
    paths: new PathFilter(settings),
    document: () => {
      document ??= openApiDocument(settings)
      return document
    },
  }
  const problem = (thrown: unknown, request: Request, headers: Record<string, string> = {}): Response => {
    const error = isItsAbort(thrown, request) ? new AppaloftError('canceled') : thrown
    const body = problemOf(error)
    // The hook's own error was told of where it was thrown.
    if (body.status >= 500 && body.code !== 'authorization-unavailable') settings.onError(error, request)
    return json(tools, body.status, body, { 'content-type': 'application/problem+json', ...headers })
  }

  const app = new Hono()
  for (const [path, here] of byPath(routes(settings.maxPageItems))) {
    const at = settings.basePath + path.replaceAll(/\{(\w+)\}/g, ':$1')
    for (const one of here)
      app.on(one.method.toUpperCase(), at, (context) =>
        one.answer(tools, context.req.raw, context.req.param('id') ?? ''),
      )
    const methods = here.map((one) => one.method.toUpperCase())
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')
    app.all(at, ({ req: { raw } }) =>
      raw.method === 'OPTIONS'
        ? new Response(null, { status: 204, headers: { allow, 'cache-control': 'no-store' } })
        : problem(new AppaloftError('method-not-allowed'), raw, { allow }),
    )
  }
  app.notFound(({ req: { raw } }) => problem(new AppaloftError('endpoint-not-found'), raw))
  app.onError((error, { req: { raw } }) => problem(error, raw))

  return async (request) => {
    // Without somebody to ask, there is nothing here.
    if (settings.authorize === undefined) return problem(new AppaloftError('endpoint-not-found'), request)
    try {
      return await app.fetch(request)
    } catch (error) {
      return problem(error, request)
    }
  }
}

/** The client went away and what was done for it was given up: nobody's fault, and nobody reads the answer. */
const isItsAbort = (error: unknown, { signal }: Request) =>
  signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'))

function byPath(all: readonly Route[]): Map<string, Route[]> {
  const found = new Map<string, Route[]>()
  for (const one of all) found.set(one.path, [...(found.get(one.path) ?? []), one])
  return found
}
