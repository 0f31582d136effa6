import { AppaloftError, isImageReferenceFault, parseImageReference } from '@appaloft/core/spec'
import { z } from 'zod'

const elsewhereSchema = z.strictObject({
  /**
   * A repository, with its registry: `registry.example.com/team/releases`. Images are pushed there and pulled from there. Without it, the layers that the
   * engine lacks are sent to it.
   */
  registry: z.string().min(1).optional(),
  /** Where the engine that builds listens: `unix:///var/run/docker.sock`. Default: as the `docker` command finds it. */
  host: z.string().min(1).optional(),
  /** The name of a Docker context, where `host` is not given. */
  context: z.string().min(1).optional(),
})

/** The option `build`, as a configuration file has it too. */
export const buildOptionSchema = z.union([z.literal('remote'), z.literal('local'), elsewhereSchema])

/** Where images are made: see `DockerOptions.build`. */
export type BuildOption = z.input<typeof buildOptionSchema>

export interface Repository {
  /** What credentials are asked for. */
  registry: string
  /** With the registry, without a tag. */
  name: string
}

/** Null: on the engine that runs the releases. */
export type BuildPlace = { host?: string; context?: string; repository: Repository | null } | null

/** Errors: `invalid-composition`. */
export function readBuild(option: unknown): BuildPlace {
  const { success, data } = buildOptionSchema.safeParse(option ?? 'remote')
  if (!success)
    throw faulty('The option build is remote, local, or an object with registry, host or context, each a text.')
  if (data === 'remote') return null
  const { registry, host, context } = data === 'local' ? {} : data
  const repository = registry === undefined ? null : repositoryOf(registry)
  return { ...(host === undefined ? {} : { host }), ...(context === undefined ? {} : { context }), repository }
}

function repositoryOf(text: string): Repository {
  const named = /^(?:[^/]*[.:][^/]*|localhost)\//.test(text)
  const reference = parseImageReference(text)
  if (isImageReferenceFault(reference)) throw faulty(`The option build.registry: ${reference.fault}`)
  const plain = reference.digest === undefined && !/:[^/]*$/.test(text)
  if (!named || !plain)
    throw faulty(
      `The option build.registry is a repository with its registry and without a tag, such as registry.example.com/team/releases, and not ${text}.`,
    )
  return { registry: reference.registry, name: `${reference.registry}/${reference.repository}` }
}

const faulty = (message: string) => new AppaloftError('invalid-composition', { message })
