import { z } from 'zod'
import { strictObject } from './schema.js'

/** A folder of files, built or as it is, served by the project's static server on internal port 80. */
export const staticSiteSchema = strictObject(() => ({
  kind: z.literal('static-site'),
  /** Relative to the base directory; `.` is the base directory itself. */
  publishDirectory: z.string().min(1),
  /** Answer unknown paths without a file extension with index.html. Only with evidence. */
  spaFallback: z.boolean(),
  /** Where the install runs, relative to the source's root: the root of a workspace. Without it, the base directory. */
  installDirectory: z.string().min(1).optional(),
}))

/** Install, build and start in a language runtime. */
export const workspaceSchema = strictObject(() => ({
  kind: z.literal('workspace'),
  /** Where the install runs, relative to the source's root: the root of an npm workspace. */
  installDirectory: z.string().min(1),
  /** Where build and start run, relative to the source's root. */
  workingDirectory: z.string().min(1),
}))

export const dockerfileSchema = strictObject(() => ({
  kind: z.literal('dockerfile'),
  /** Relative to the source's root. */
  dockerfilePath: z.string().min(1),
  /** The build context, relative to the source's root. */
  context: z.string().min(1),
  /** The name of a stage; without it the last one is built. */
  buildTarget: z.string().optional(),
  buildArgs: z.record(z.string(), z.string()).optional(),
}))

export const composeProjectSchema = strictObject(() => ({
  kind: z.literal('compose-project'),
  /** Relative to the source's root, each merged upon the ones before. Paths in them start at the directory of the first. */
  composeFiles: z.array(z.string().min(1)).min(1),
  /** Those that start: without those that wait for a profile of Compose. */
  services: z.array(z.string()),
  /** The one that takes the traffic, and whose command the plan's start command replaces. Absent where no traffic is taken. */
  targetServiceName: z.string().optional(),
}))

export const imageSchema = strictObject(() => ({
  kind: z.literal('image'),
  /** A reference that `parseImageReference` reads, as the user wrote it. */
  image: z.string().min(1),
}))

/** What to run, as data. Planners say what, targets decide how: a planner for another language needs no change in any target. */
export const artifactSchema = z.discriminatedUnion('kind', [
  staticSiteSchema,
  workspaceSchema,
  dockerfileSchema,
  composeProjectSchema,
  imageSchema,
])
export type Artifact = z.infer<typeof artifactSchema>
export type ArtifactKind = Artifact['kind']
