import { z } from 'zod'
import { type DeploymentRecord, deploymentRecordSchema } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import { resourceSnapshotSchema, type SnapshotVariable } from '../spec/profiles.js'
import { type ReleaseRecord, releaseRecordSchema } from '../spec/release.js'
import type { ResourceRecord } from '../spec/resource.js'
import { strictObject } from '../spec/schema.js'
import type { TargetRecord } from '../spec/target-records.js'
import type { Runtime } from './runtime.js'

// What a machine is told of a deployment that takes the traffic: enough for an engine with an empty store to show it, and to roll back to it.

const schemaVersion = 1

const keptSchema = strictObject(() => ({
  schemaVersion: z.literal(schemaVersion),
  resource: strictObject(() => ({
    definition: resourceSnapshotSchema,
    variables: z.array(z.string()).optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })),
  deployment: deploymentRecordSchema,
  release: releaseRecordSchema,
  /** The secrets that they name: sealed, and worth nothing without the key. */
  sealed: z.array(
    strictObject(() => ({ name: z.string(), version: z.number().int(), sealed: z.string(), digest: z.string() })),
  ),
}))
export type Kept = z.infer<typeof keptSchema>

export const isEnded = ({ deployment }: Pick<Kept, 'deployment'>): boolean =>
  deployment.status === 'succeeded' && deployment.promotion === 'recorded'

/** As it goes to the machine. */
export async function keptText(
  { store }: Runtime,
  resource: ResourceRecord,
  deployment: DeploymentRecord,
  release: ReleaseRecord,
): Promise<string> {
  const named = new Set<string>()
  const add = (environment: Record<string, SnapshotVariable> = {}) => {
    for (const one of Object.values(environment)) if ('secret' in one) named.add(`${one.name}\n${one.version}`)
  }
  for (const one of [resource.definition, deployment.definition, release.plan]) add(one.environment)
  const all = named.size === 0 ? [] : await store.listSealed(resource.id)
  const { definition, variables, createdAt, updatedAt } = resource
  const kept: Kept = {
    schemaVersion,
    resource: { definition, ...(variables === undefined ? {} : { variables }), createdAt, updatedAt },
    deployment,
    release,
    sealed: all
      .filter(({ name, version }) => named.has(`${name}\n${version}`))
      .map(({ name, version, sealed, digest }) => ({ name, version, sealed, digest })),
  }
  return JSON.stringify(kept)
}

/** What lies on the machine, as of this engine's target. Errors: `record-unreadable`. */
export function readKept({ resourceId, name, text }: TargetRecord, target: string): Kept {
  const unreadable = (why: string) =>
    new AppaloftError('record-unreadable', {
      message: `The record ${name} of ${resourceId} on ${target} cannot be read: ${why}.`,
      details: { resourceId, name, target },
    })
  if (text === null) throw unreadable('it is damaged')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw unreadable('it is not JSON')
  }
  const written = z.object({ schemaVersion: z.number() }).safeParse(value).data?.schemaVersion ?? 0
  if (written > schemaVersion)
    throw unreadable(`a newer version wrote it (${written}, this one knows ${schemaVersion})`)
  const { data, error } = keptSchema.safeParse(value)
  if (data === undefined) {
    const [first] = error.issues
    throw unreadable(`${first?.path.join('.') || 'record'}: ${first?.message}`)
  }
  const { deployment, release } = data
  if (deployment.id !== name || deployment.resourceId !== resourceId || deployment.releaseId !== release.id)
    throw unreadable('it is that of another deployment')
  const at = <P extends { target: string | null }>(one: P): P => ({ ...one, target })
  return {
    ...data,
    deployment: { ...at(deployment), plan: deployment.plan && at(deployment.plan) },
    release: { ...at(release), plan: at(release.plan) },
  }
}
