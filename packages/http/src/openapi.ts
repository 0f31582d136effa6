import { readFileSync } from 'node:fs'
import {
  allErrorCodes,
  checksSchema,
  deploymentEventSchema,
  deploymentSchema,
  diagnosticsSchema,
  evidenceSchema,
  failureSchema,
  type JsonObject,
  jsonObjectSchema,
  jsonSchema,
  nextActionSchema,
  previewSchema,
  reasonSchema,
  recoverySchema,
  resourceDefinitionSchema,
  rolloutSchema,
  sourceSchema,
} from '@appaloft/core/spec'
import { z } from 'zod'
import { statusOf } from './problems.js'
import { routes } from './routes/index.js'
import type { Answer, Route } from './routes/route.js'
import {
  acceptedRolloutSchema,
  acceptedSchema,
  envelopeSchema,
  errorSchema,
  pageSchema,
  problemSchema,
  resourceSchema,
} from './schemas.js'

export interface OpenApiOptions {
  /** As of the handler. */
  basePath?: string
  maxPageItems?: number
}

const outgoing: Record<string, z.ZodType> = {
  Json: jsonSchema,
  JsonObject: jsonObjectSchema,
  Evidence: evidenceSchema,
  Reason: reasonSchema,
  Checks: checksSchema,
  Failure: failureSchema,
  NextAction: nextActionSchema,
  Preview: previewSchema,
  Deployment: deploymentSchema,
  Page: pageSchema,
  DeploymentEvent: deploymentEventSchema,
  Error: errorSchema,
  Problem: problemSchema,
  Envelope: envelopeSchema,
  Recovery: recoverySchema,
  Diagnostics: diagnosticsSchema,
  Resource: resourceSchema,
  Accepted: acceptedSchema,
  Rollout: rolloutSchema,
  AcceptedRollout: acceptedRolloutSchema,
}

/** What callers send, beside the bodies that the routes name. */
const incoming: Record<string, z.ZodType> = { Source: sourceSchema, ResourceDefinition: resourceDefinitionSchema }

/** The OpenAPI 3.1 document of the routes, made from the schemas that check and describe what goes over the wire. */
export function openApiDocument(options: OpenApiOptions = {}): JsonObject {
  const { basePath = '', maxPageItems = 100 } = options
  const all = routes(maxPageItems)
  const bodies = Object.fromEntries(all.flatMap(({ body }) => (body === undefined ? [] : [[body.name, body.schema]])))
  const statuses = [...new Set(all.flatMap(problemStatuses))].sort((a, b) => a - b)
  const paths: Record<string, JsonObject> = {}
  for (const one of all) paths[one.path] = { ...paths[one.path], [one.method]: operation(one) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Appaloft',
      version: version(),
      description:
        'Who may do what is decided by the server. What is not allowed is answered as what does not exist: with status 404.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    paths,
    components: {
      schemas: { ...components(outgoing, 'output'), ...components({ ...incoming, ...bodies }, 'input') },
      responses: Object.fromEntries(statuses.map((status) => [`Problem${status}`, problem(status)])),
    },
  }
}

/** Schemas by name; one within another is a reference. */
function components(named: Record<string, z.ZodType>, io: 'input' | 'output'): JsonObject {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    // No format of JSON Schema: the pattern beside it says the same.
    override({ jsonSchema }) {
      if (jsonSchema.format === 'starts_with') delete jsonSchema.format
    },
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema as JsonObject]),
  )
}

const reference = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` })

function operation(route: Route): JsonObject {
  const { body } = route
  return {
    operationId: route.action.replace('.', '-'),
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    parameters: parameters(route),
    ...(body === undefined
      ? {}
      : {
          requestBody: { required: body.required, content: { 'application/json': { schema: reference(body.name) } } },
        }),
    responses: {
      ...Object.fromEntries(route.answers.map((one) => [String(one.status), answer(one)])),
      ...Object.fromEntries(
        problemStatuses(route).map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]),
      ),
      default: {
        description: 'Any other problem; its code says which.',
        content: { 'application/problem+json': { schema: reference('Problem') } },
      },
    },
  }
}

function parameters({ id, query, headers = {} }: Route): JsonObject[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' })
  return [
    ...(id === undefined
      ? []
      : [{ name: 'id', in: 'path', required: true, schema: { type: 'string' }, description: `Of a ${id}.` }]),
    ...Object.entries(properties).map(([name, schema]) => ({
      name,
      in: 'query',
      required: required.includes(name),
      schema: schema as JsonObject,
    })),
    ...Object.entries(headers).map(([name, description]) => ({
      name,
      in: 'header',
      required: false,
      description,
      schema: { type: 'string' },
    })),
  ]
}

const answer = ({ description, content }: Answer): JsonObject => ({
  description,
  ...(content === undefined
    ? {}
    : {
        content: Object.fromEntries(Object.entries(content).map(([type, name]) => [type, { schema: reference(name) }])),
      }),
})

function problemStatuses({ body, problems = [] }: Route): number[] {
  // A query that is not known is refused everywhere.
  return [...new Set([400, 404, ...problems, ...(body === undefined ? [] : [413, 415]), 500, 503])]
}

/** The codes with this status, so that a reader of the document need not know the table. */
function problem(status: number): JsonObject {
  const here = allErrorCodes.filter((code) => statusOf(code) === status)
  return {
    description: `Problem, with one of the codes ${here.map((code) => `\`${code}\``).join(', ')}.`,
    content: { 'application/problem+json': { schema: reference('Problem') } },
  }
}

/** Of the package: one folder up from the sources and from the build alike. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
