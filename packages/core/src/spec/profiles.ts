import { z } from 'zod'
import { resourceIdSchema } from './ids.js'
import { strictObject } from './schema.js'
import { sourceSchema } from './source.js'

/** A string is run by `/bin/sh -c` with its last command exec'd; an array is an argv and meets no shell. */
export const commandSchema = z.lazy(() => z.union([z.string().min(1), z.array(z.string()).min(1)]))
export type Command = z.infer<typeof commandSchema>

const seconds = () => z.number().positive().max(86_400)
const port = () => z.number().int().min(1).max(65_535)

export const timeoutsSchema = strictObject(() => ({
  /** Reading or cloning the source. Default 300. */
  sourceSeconds: seconds().optional(),
  /** The build step. Default 1800. */
  buildSeconds: seconds().optional(),
  /** Sending what was built to the target. Default 900. */
  uploadSeconds: seconds().optional(),
  /** Starting the candidate, until its process runs. Default 120. */
  startSeconds: seconds().optional(),
  /** The release command. Default 600. */
  releaseSeconds: seconds().optional(),
}))
export const defaultTimeouts = {
  sourceSeconds: 300,
  buildSeconds: 1800,
  uploadSeconds: 900,
  startSeconds: 120,
  releaseSeconds: 600,
} as const

export const resourcesLimitSchema = strictObject(() => ({
  /** Cores, e.g. 0.5. */
  cpus: z.number().positive().optional(),
  memoryMiB: z.number().int().positive().optional(),
}))

export const runtimeProfileSchema = strictObject(() => ({
  /** The key of the planner to use. */
  planner: z.string().min(1).optional(),
  installCommand: commandSchema.optional(),
  buildCommand: commandSchema.optional(),
  startCommand: commandSchema.optional(),
  packageCommand: commandSchema.optional(),
  /** Once a deployment, after the build and before the start, with the run-time environment; not undone by a rollback. */
  releaseCommand: commandSchema.optional(),
  publishDirectory: z.string().min(1).optional(),
  dockerfilePath: z.string().min(1).optional(),
  buildTarget: z.string().min(1).optional(),
  buildArgs: z.record(z.string(), z.string()).optional(),
  composeFiles: z.array(z.string().min(1)).min(1).optional(),
  runtimeVersion: z.string().min(1).optional(),
  /** Default 1. */
  replicas: z.number().int().min(1).max(100).optional(),
  resources: resourcesLimitSchema.optional(),
  /** May two releases run at once? Default true where the target can. */
  overlap: z.boolean().optional(),
  timeouts: timeoutsSchema.optional(),
}))

export const exposureSchema = z.enum(['proxy', 'direct-port', 'none'])
export type Exposure = z.infer<typeof exposureSchema>

export const networkProfileSchema = strictObject(() => ({
  internalPort: port().optional(),
  /** Does the application listen where `PORT` says? Default true where that is proven. */
  honoursPort: z.boolean().optional(),
  /** Default `http`. */
  upstreamProtocol: z.enum(['http', 'tcp']).optional(),
  /** Default `proxy`. */
  exposure: exposureSchema.optional(),
  hostPort: port().optional(),
  targetServiceName: z.string().min(1).optional(),
  /** How long the requests of the old release may take to finish. Default 30. */
  drainSeconds: z.number().min(0).max(86_400).optional(),
}))

export const healthProfileSchema = strictObject(() => ({
  /** Default true. */
  enabled: z.boolean().optional(),
  /** Default `http`; `tcp` where the upstream protocol is tcp. */
  type: z.enum(['http', 'command', 'tcp']).optional(),
  /** Default `/`. */
  path: z.string().startsWith('/').optional(),
  port: port().optional(),
  /** Default GET. */
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS']).optional(),
  /** Default 200. */
  expectedStatus: z.number().int().min(100).max(599).optional(),
  expectedText: z.string().min(1).optional(),
  command: commandSchema.optional(),
  /** Default 5. */
  intervalSeconds: seconds().optional(),
  /** Default 5. */
  timeoutSeconds: seconds().optional(),
  /** Default 10. */
  retries: z.number().int().min(1).max(1000).optional(),
  /** Failures in it are not counted. Default 5. */
  startPeriodSeconds: z.number().min(0).max(86_400).optional(),
}))

export const accessProfileSchema = strictObject(() => ({
  hostnames: z.array(z.string().min(1)).max(100).optional(),
  /** Longest prefix on segment borders wins. Default `/`. */
  pathPrefix: z.string().startsWith('/').optional(),
  /** Is the prefix passed on (`preserve`) or cut (`strip`)? Default `preserve`. */
  pathHandling: z.enum(['preserve', 'strip']).optional(),
  /** These hostnames answer with a permanent redirect to this URL or hostname instead. */
  redirectTo: z.string().min(1).optional(),
  tls: z.enum(['auto', 'off']).optional(),
  /** Fail `access` when the public address does not serve this deployment. Default false. */
  requirePublic: z.boolean().optional(),
}))

const variableName = () => z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of letters, digits and _')
// A NUL cannot be handed to a process: refused here, where the field's path can be named.
const noNul = (value: string) => !value.includes('\0')

export const variableSchema = strictObject(() => ({
  value: z.string().refine(noNul, 'must not contain a NUL character'),
  /** Sealed in the store, redacted everywhere. Default false. */
  secret: z.boolean().optional(),
  /** Default `runtime`. */
  scope: z.enum(['build', 'runtime', 'both']).optional(),
}))
export type Variable = z.infer<typeof variableSchema>

export const environmentSchema = z.lazy(() => z.record(variableName(), variableSchema))

/** What `setVariables` takes: by name a variable, where a field left out stays as it is, or null to take it away. */
export const variableChangesSchema = z.lazy(() => z.record(variableName(), variableSchema.nullable()))
export type VariableChanges = z.infer<typeof variableChangesSchema>

export const volumeSchema = strictObject(() => ({
  name: z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/),
  path: z.string().min(1),
  readOnly: z.boolean().optional(),
}))
export const bindSchema = strictObject(() => ({
  source: z.string().min(1),
  path: z.string().min(1),
  readOnly: z.boolean().optional(),
}))

/** What a host application defines: a source and the profiles. Every field but `source` is optional; an explicit value always wins over inference. */
export const resourceDefinitionSchema = strictObject(() => ({
  id: resourceIdSchema.optional(),
  source: sourceSchema,
  runtime: runtimeProfileSchema.optional(),
  network: networkProfileSchema.optional(),
  health: healthProfileSchema.optional(),
  access: accessProfileSchema.optional(),
  environment: environmentSchema.optional(),
  volumes: z.array(volumeSchema).optional(),
  binds: z.array(bindSchema).optional(),
}))
export type ResourceDefinition = z.infer<typeof resourceDefinitionSchema>

/** A variable as a snapshot holds it: a secret only by name and version. */
export const snapshotVariableSchema = z.lazy(() =>
  z.union([
    strictObject(() => ({ value: z.string(), scope: z.enum(['build', 'runtime', 'both']) })),
    strictObject(() => ({
      secret: z.literal(true),
      name: z.string(),
      version: z.number().int(),
      /** `Secrets.digest(resource, name, value)`: takes part in fingerprints and build digests without giving the value away. */
      digest: z.string(),
      scope: z.enum(['build', 'runtime', 'both']),
    })),
  ]),
)
export type SnapshotVariable = z.infer<typeof snapshotVariableSchema>

/** The definition as stored: secrets replaced by references. */
export const resourceSnapshotSchema = strictObject(() => ({
  ...resourceDefinitionSchema.shape,
  id: resourceIdSchema,
  environment: z.record(z.string(), snapshotVariableSchema).optional(),
}))
export type ResourceSnapshot = z.infer<typeof resourceSnapshotSchema>

/** The profiles alone, as a planner sees them: variables by name and scope, never by value. */
export interface Profiles {
  runtime: NonNullable<ResourceDefinition['runtime']>
  network: NonNullable<ResourceDefinition['network']>
  health: NonNullable<ResourceDefinition['health']> | undefined
  access: NonNullable<ResourceDefinition['access']>
  environment: Record<string, { secret: boolean; scope: 'build' | 'runtime' | 'both' }>
  volumes: NonNullable<ResourceDefinition['volumes']>
  binds: NonNullable<ResourceDefinition['binds']>
}
