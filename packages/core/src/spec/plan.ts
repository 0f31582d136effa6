import { z } from 'zod'
import { artifactSchema } from './artifact.js'
import {
  type accessProfileSchema,
  bindSchema,
  commandSchema,
  exposureSchema,
  type healthProfileSchema,
  resourcesLimitSchema,
  snapshotVariableSchema,
  volumeSchema,
} from './profiles.js'
import { evidenceSchema, reasonSchema } from './reasons.js'
import { strictObject } from './schema.js'
import { sourceIdentitySchema } from './source.js'

export const supportTierSchema = z.enum([
  'first-class',
  'generic',
  'explicit-custom',
  'container-native',
  'unsupported',
  'ambiguous',
  'requires-override',
])
export type SupportTier = z.infer<typeof supportTierSchema>

/** On what a claim rests, strongest first. Compose wins only by profile, by source kind, or as the sole claim. */
export const basisSchema = z.enum(['explicit', 'dockerfile', 'framework', 'generic', 'compose'])
export type Basis = z.infer<typeof basisSchema>

export const frameworkSchema = strictObject(() => ({
  /** A lower-case npm-like name: `next`, `nuxt`, `sveltekit`, `react-router`, `vite`, `express`. */
  name: z.string(),
  version: z.string().optional(),
  mode: z.enum(['server', 'static', 'spa']).optional(),
}))

export const packageManagerSchema = strictObject(() => ({
  name: z.enum(['npm', 'pnpm', 'yarn', 'yarn-berry', 'bun']),
  version: z.string().optional(),
}))

export const runtimeSchema = strictObject(() => ({
  /** `node`, `static`, `python`, … */
  family: z.string(),
  /** A version or range as the source or profile asks for it. */
  version: z.string(),
  packageManager: packageManagerSchema.optional(),
}))

export const plannedCommandSchema = strictObject(() => ({
  command: commandSchema,
  from: z.enum(['profile', 'planner']),
}))
export type PlannedCommand = z.infer<typeof plannedCommandSchema>

export const commandsSchema = strictObject(() => ({
  install: plannedCommandSchema.optional(),
  build: plannedCommandSchema.optional(),
  package: plannedCommandSchema.optional(),
  release: plannedCommandSchema.optional(),
  start: plannedCommandSchema.optional(),
}))

/** The health policy with its defaults filled in. Durations in seconds. */
export const healthPolicySchema = strictObject(() => ({
  enabled: z.boolean(),
  /** No health profile was given: any answer below 500 is healthy. */
  defaulted: z.boolean(),
  type: z.enum(['http', 'command', 'tcp']),
  path: z.string(),
  port: z.number().int().optional(),
  method: z.string(),
  /** Absent with a defaulted policy. */
  expectedStatus: z.number().int().optional(),
  expectedText: z.string().optional(),
  command: commandSchema.optional(),
  intervalSeconds: z.number(),
  timeoutSeconds: z.number(),
  retries: z.number().int(),
  startPeriodSeconds: z.number(),
}))
export type HealthPolicy = z.infer<typeof healthPolicySchema>
export type HealthProfile = z.infer<typeof healthProfileSchema>

export const plannedNetworkSchema = strictObject(() => ({
  /** The port on which the application listens; on targets without networks of their own a name only. Absent with exposure `none`. */
  internalPort: z.number().int().optional(),
  from: z.enum(['profile', 'planner', 'none']),
  honoursPort: z.boolean(),
  upstreamProtocol: z.enum(['http', 'tcp']),
  exposure: exposureSchema,
  hostPort: z.number().int().optional(),
  targetServiceName: z.string().optional(),
  drainSeconds: z.number(),
}))

/** The routes in short. */
export const plannedAccessSchema = strictObject(() => ({
  hostnames: z.array(z.string()),
  pathPrefix: z.string(),
  pathHandling: z.enum(['preserve', 'strip']),
  redirectTo: z.string().optional(),
  tls: z.enum(['auto', 'off']),
  requirePublic: z.boolean(),
}))
export type PlannedAccess = z.infer<typeof plannedAccessSchema>
export type AccessProfile = z.infer<typeof accessProfileSchema>

export const planStepSchema = strictObject(() => ({
  /** Unique in the plan: `build.install`. */
  id: z.string(),
  step: z.enum(['build', 'upload', 'release-command', 'start', 'route']),
  title: z.string(),
  when: z.enum(['always', 'unless-cached', 'if-changed']),
  reversible: z.boolean(),
}))
export type PlanStep = z.infer<typeof planStepSchema>

export const candidateSchema = strictObject(() => ({
  planner: z.string(),
  basis: basisSchema,
  supportTier: supportTierSchema,
  reason: z.string(),
  evidence: z.array(evidenceSchema),
  /** Why another planner's claim won; absent on the winner. */
  lostBecause: z.string().optional(),
}))
export type Candidate = z.infer<typeof candidateSchema>

/**
 * Everything that decides what will run: the plan of a ready preview. It is kept in the deployment's snapshot and in the release,
 * and is what a target is given. Secrets are references.
 */
export const planSchema = strictObject(() => ({
  resourceId: z.string(),
  /** The target's key; null for a plan that no target filters. */
  target: z.string().nullable(),
  source: sourceIdentitySchema,
  framework: frameworkSchema.optional(),
  runtime: runtimeSchema.optional(),
  planner: strictObject(() => ({ key: z.string(), supportTier: supportTierSchema, reason: z.string() })),
  artifact: artifactSchema,
  commands: commandsSchema,
  network: plannedNetworkSchema,
  health: healthPolicySchema,
  access: plannedAccessSchema,
  environment: z.record(z.string(), snapshotVariableSchema),
  volumes: z.array(volumeSchema),
  binds: z.array(bindSchema),
  replicas: z.number().int(),
  resources: resourcesLimitSchema,
  overlap: z.boolean(),
  timeouts: strictObject(() => ({
    sourceSeconds: z.number(),
    buildSeconds: z.number(),
    uploadSeconds: z.number(),
    startSeconds: z.number(),
    releaseSeconds: z.number(),
  })),
}))
export type Plan = z.infer<typeof planSchema>

export const previewSchemaVersion = 1

/** The same shape whether ready or blocked: what a blocked plan could not tell is null or empty. */
export const previewSchema = strictObject(() => ({
  schemaVersion: z.literal(previewSchemaVersion),
  /** sha256 over canonical JSON of everything that decides what will run. */
  fingerprint: z.string(),
  readiness: strictObject(() => ({ status: z.enum(['ready', 'warning', 'blocked']) })),
  source: sourceIdentitySchema.nullable(),
  evidence: z.array(evidenceSchema),
  framework: frameworkSchema.optional(),
  runtime: runtimeSchema.optional(),
  planner: strictObject(() => ({ key: z.string(), supportTier: supportTierSchema, reason: z.string() })).nullable(),
  candidates: z.array(candidateSchema),
  artifact: artifactSchema.nullable(),
  generatedFiles: z.array(strictObject(() => ({ path: z.string(), content: z.string() }))),
  commands: commandsSchema,
  network: plannedNetworkSchema.nullable(),
  health: healthPolicySchema.nullable(),
  access: plannedAccessSchema.nullable(),
  steps: z.array(planStepSchema),
  warnings: z.array(reasonSchema),
  unsupportedReasons: z.array(reasonSchema),
  /** ISO 8601, UTC. */
  generatedAt: z.string(),
}))
export type Preview = z.infer<typeof previewSchema>
