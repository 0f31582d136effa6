import { createHash } from 'node:crypto'
import { AppaloftError, type JsonObject, type Plan, type ReleaseRecord } from '@appaloft/core/spec'
import { z } from 'zod'
import { invalid, type Project, projectSchema, type Service } from './model.js'
import { digestsOf, secretsIn } from './secrets.js'

/** What is kept of an image. */
export const namedImage = {
  /** The image's id. */
  image: z.string(),
  /** Our name of it. */
  name: z.string(),
  /** `repository@sha256:…` where a registry has it. */
  digest: z.string().optional(),
  pulled: z.boolean().optional(),
  /** The same of the engine that made it, where that is another one. */
  pulledThere: z.boolean().optional(),
  /** As the file names it. */
  reference: z.string().optional(),
}
const imageSchema = z.object({
  ...namedImage,
  /** Without the files of the source. */
  base: z.object(namedImage).optional(),
})
export type ImageRecord = z.infer<typeof imageSchema>

/** What a release of a Compose project is: the resolved files, and the image of each service. Secrets are marks. */
export const bundleSchema = z.object({
  /** The service that takes the traffic, or where none does the one that is started last: it is replaced by a candidate. */
  candidate: z.string(),
  project: projectSchema,
  images: z.record(z.string(), imageSchema),
})
export type Bundle = z.infer<typeof bundleSchema>

/** With the fields that releases of other kinds have, for the image of the candidate. */
export const toArtifact = (bundle: Bundle): JsonObject =>
  JSON.parse(JSON.stringify({ ...bundle.images[bundle.candidate], ...bundle })) as JsonObject

export const isProject = ({ plan }: Pick<ReleaseRecord, 'plan'>): boolean => plan.artifact.kind === 'compose-project'

/** Errors: `release-not-found`. */
export function bundleOf(release: ReleaseRecord): Bundle {
  const read = bundleSchema.safeParse(release.artifact)
  if (read.success) return read.data
  throw new AppaloftError('release-not-found', { message: 'The release holds no Compose project of this target.' })
}

export type Role = 'once' | 'before' | 'after'

export interface Ordered {
  name: string
  service: Service
  /** `once`: runs to its end; `before`: beside the candidate, which may need it; `after`: needs the candidate. */
  role: Role
}

/** The services but the candidate, each after those that it needs. */
export function ordered({ project, candidate }: Pick<Bundle, 'project' | 'candidate'>): Ordered[] {
  const { services } = project
  const once = new Set(
    Object.values(services).flatMap(({ depends_on: needs }) =>
      Object.entries(needs).flatMap(([name, one]) =>
        one.condition === 'service_completed_successfully' ? [name] : [],
      ),
    ),
  )
  const done: string[] = []
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name))
      throw invalid(`Services depend on each other in a circle: ${[...path, name].join(' on ')}.`)
    if (done.includes(name) || services[name] === undefined) return
    for (const other of needsOf(services[name])) visit(other, [...path, name])
    done.push(name)
  }
  for (const name of Object.keys(services).sort()) visit(name, [])
  const after = new Set([candidate])
  for (const name of done) if (needsOf(services[name]!).some((other) => after.has(other))) after.add(name)
  return done
    .filter((name) => name !== candidate)
    .map((name) => ({
      name,
      service: services[name]!,
      role: after.has(name) ? 'after' : once.has(name) ? 'once' : 'before',
    }))
}

export const needsOf = (service: Service): string[] => [
  ...Object.keys(service.depends_on),
  ...[service.network_mode, service.ipc, service.pid].flatMap((mode) =>
    mode?.startsWith('service:') ? [mode.slice('service:'.length)] : [],
  ),
]

/** Where nothing takes traffic: the service that stays, and that most others are needed by. */
export function candidateOf(project: Project, named: string | undefined): string {
  if (named !== undefined && project.services[named] !== undefined) return named
  const stays = ordered({ project, candidate: '' }).filter(({ role }) => role !== 'once')
  const last = stays.at(-1)
  if (last !== undefined) return last.name
  throw invalid('Every service of the project runs to its end: nothing stays that could be a release.')
}

/** Equal for services that need not be replaced: the same settings, image and secrets. */
export function hashOf({ project, images }: Bundle, name: string, plan: Plan): string {
  const service = project.services[name]
  if (service === undefined) return ''
  const { build: _build, pull_policy: _pull, depends_on: _needs, deploy, scale: _scale, ...settings } = service
  const sources = [
    ...service.secrets.map((one) => project.secrets[one.source]),
    ...service.configs.map((one) => project.configs[one.source]),
  ]
  const named = sources.flatMap((one) => (one?.environment === undefined ? [] : [one.environment]))
  const parts = [
    { ...settings, resources: deploy?.resources },
    images[name]?.image,
    sources,
    Object.keys(service.networks).map((key) => project.networks[key]),
    digestsOf([...secretsIn([settings, sources]), ...named].sort(), plan),
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}
