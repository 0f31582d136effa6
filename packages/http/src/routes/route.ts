import {
  type Appaloft,
  AppaloftError,
  type Deployment,
  deploymentIdSchema,
  type ErrorCode,
  type JsonObject,
  resourceIdSchema,
  rolloutIdSchema,
} from '@appaloft/core/spec'
import type { z } from 'zod'
import { type Action, authorized, sees, type Visible } from '../authorize.js'
import { readBody } from '../body.js'
import { checked, invalid, queryOf } from '../input.js'
import type { Settings } from '../options.js'
import type { PathFilter } from '../paths.js'

/** What a handler's routes share. */
export interface Tools {
  settings: Settings
  paths: PathFilter
  /** The OpenAPI document of this handler. */
  document(): JsonObject
}

/** A request whose form was checked and which is allowed. */
export interface Call<B = unknown, Q = unknown> extends Tools {
  appaloft: Appaloft
  request: Request
  /** Out of the path; empty where it has none. */
  id: string
  body: B
  query: Q
  visible: Visible
}

export interface Answer {
  status: number
  description: string
  /** By media type, the name of a schema of the document. */
  content?: Record<string, string>
}

export interface RouteOptions<B, Q> {
  method: 'get' | 'post' | 'delete'
  /** As in OpenAPI: `/api/deployments/{id}`. */
  path: string
  action: Action
  summary: string
  description?: string
  /** Whose id the path holds. */
  id?: 'deployment' | 'resource' | 'rollout'
  query: z.ZodObject & z.ZodType<Q>
  /** Query parameters that may come more than once. */
  lists?: readonly string[]
  body?: { schema: z.ZodType<B>; name: string; required: boolean }
  /** Headers that are read beside the usual ones, with what they are for. */
  headers?: Record<string, string>
  answers: readonly Answer[]
  /** Statuses of problems beside those that every route has. */
  problems?: readonly number[]
  /** The resource that body or query name. */
  resourceOf?(body: B, query: Q): string | undefined
  /** The code of a refusal: as if the thing did not exist. */
  missing: ErrorCode
  handle(call: Call<B, Q>): Promise<Response>
}

export interface Route extends Omit<RouteOptions<unknown, unknown>, 'query' | 'body' | 'resourceOf' | 'handle'> {
  query: z.ZodObject
  body?: { schema: z.ZodType; name: string; required: boolean }
  answer(tools: Tools, request: Request, id: string): Promise<Response>
}

/** Form first, then who it is, then the engine. */
export function route<B, Q>(options: RouteOptions<B, Q>): Route {
  const { body, query, lists = [], id: owner, handle, resourceOf, missing, action, ...rest } = options
  const ids = { deployment: deploymentIdSchema, resource: resourceIdSchema, rollout: rolloutIdSchema }
  return {
    ...rest,
    action,
    missing,
    query,
    lists,
    ...(owner === undefined ? {} : { id: owner }),
    ...(body === undefined ? {} : { body }),
    async answer(tools, request, id) {
      const { settings } = tools
      // An id that cannot be one is the id of nothing.
      if (owner !== undefined && !ids[owner].safeParse(id).success) throw new AppaloftError(missing)
      const asked = checked(query, queryOf(request.url, lists), 'query')
      const given = body === undefined ? undefined : await readBody(request, settings.maxBodyBytes)
      if (body?.required && given === undefined) throw invalid(['body: missing'])
      const sent = body === undefined ? (undefined as B) : checked(body.schema, given ?? {}, 'body')
      const resourceId = owner === 'resource' ? id : resourceOf?.(sent, asked)
      const visible = await authorized(
        settings,
        {
          action,
          ...(resourceId === undefined ? {} : { resourceId }),
          ...(owner === 'deployment' ? { deploymentId: id } : {}),
          ...(owner === 'rollout' ? { rolloutId: id } : {}),
          ...(given === undefined ? {} : { body: sent }),
          request,
        },
        missing,
      )
      if (owner === 'resource' && !sees(visible, id)) throw new AppaloftError(missing)
      return handle({ ...tools, appaloft: settings.appaloft, request, id, body: sent, query: asked, visible })
    },
  }
}

/** The deployment of the path, where the caller may see it. */
export async function deploymentOf(call: Call): Promise<Deployment> {
  const deployment = await call.appaloft.deployments.show(call.id)
  if (!sees(call.visible, deployment.resourceId)) throw new AppaloftError('deployment-not-found')
  await learnPaths(call, deployment.resourceId)
  return deployment
}

/** Answers about a resource do not show where its source lies on this machine. */
export async function learnPaths({ appaloft, paths }: Call, resourceId: string): Promise<void> {
  const resource = await appaloft.resources.get(resourceId).catch(() => null)
  if (resource !== null) paths.learn(resource.definition)
}

const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

export function json(
  call: Pick<Tools, 'paths'>,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): Response {
  const body = JSON.stringify(call.paths.json(value))
  return new Response(body, { status, headers: { 'content-type': 'application/json', ...common, ...headers } })
}

/** The attempt is recorded, and runs. */
export function accepted(call: Call, id: string): Response {
  const url = `${call.settings.basePath}/api/deployments/${id}`
  return json(call, 202, { id, url, eventsUrl: `${url}/events` }, { location: url })
}

export const acceptedAnswer: Answer = {
  status: 202,
  description: 'The attempt is recorded, and runs. `Location` says where to look.',
  content: { 'application/json': 'Accepted' },
}
