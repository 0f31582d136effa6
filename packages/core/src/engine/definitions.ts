import { AppaloftError } from '../spec/errors.js'
import { canonicalJson } from '../spec/json.js'
import type { ResourceDefinition, ResourceSnapshot, SnapshotVariable } from '../spec/profiles.js'
import { resourceDefinitionSchema } from '../spec/profiles.js'
import type { ResourceRecord } from '../spec/resource.js'
import { type FreshSecret, keptVariables, referenced, sealFresh, untilUndisturbed } from './environment.js'
import { parseInput } from './input.js'
import type { Runtime } from './runtime.js'

export interface Snapshot {
  definition: ResourceSnapshot
  /** Clear values by name and version: for this call alone, never stored. */
  fresh: FreshSecret[]
  /** The resource as it is, and the variables of it that this definition leaves as they are. */
  present: ResourceRecord | null
  kept: string[]
}

/** The definition with its secrets replaced by references. Reads the store, writes nothing. */
export async function snapshotOf(runtime: Runtime, given: ResourceDefinition, id: string): Promise<Snapshot> {
  const present = await runtime.store.getResource(id)
  const kept = keptVariables(present, given.environment ?? {})
  const { variables, fresh } = await referenced(runtime, id, given.environment ?? {})
  const environment = { ...kept, ...variables }
  const { environment: _given, ...rest } = given
  const has = given.environment !== undefined || Object.keys(kept).length > 0
  return { definition: { ...rest, id, ...(has ? { environment } : {}) }, fresh, present, kept: Object.keys(kept) }
}

/** Defines or replaces; idempotent: an equal definition changes nothing, its `stateVersion` included. */
export async function define(runtime: Runtime, input: ResourceDefinition): Promise<ResourceRecord> {
  const given = parseInput(resourceDefinitionSchema, input, 'resource')
  const id = given.id ?? runtime.ids.next('res')
  return untilUndisturbed(async () => {
    const { definition, fresh, present, kept } = await snapshotOf(runtime, given, id)
    await sealFresh(runtime, id, fresh)
    const same = canonicalJson([definition, kept])
    if (present !== null && canonicalJson([present.definition, present.variables ?? []]) === same) return present
    const now = runtime.now()
    const { live = {}, createdAt = now } = present ?? {}
    return runtime.store.putResource(
      { id, definition, ...(kept.length === 0 ? {} : { variables: kept }), live, createdAt, updatedAt: now },
      present?.stateVersion ?? null,
    )
  })
}

/** Clear values of a snapshot's variables in one scope. Fails with `secret-unavailable` before any effect. */
export async function openVariables(
  runtime: Runtime,
  resourceId: string,
  variables: Record<string, SnapshotVariable>,
): Promise<{ name: string; value: string; secret: boolean; scope: SnapshotVariable['scope'] }[]> {
  const opened = []
  for (const [name, variable] of Object.entries(variables)) {
    if (!('secret' in variable)) {
      opened.push({ name, value: variable.value, secret: false, scope: variable.scope })
      continue
    }
    const context = { resourceId, name: variable.name, version: variable.version }
    const sealed = await runtime.store.getSealed(context)
    if (sealed?.digest !== variable.digest) {
      const why = sealed === null ? 'is no longer kept' : 'has another value here, or was sealed with another key'
      throw new AppaloftError('secret-unavailable', {
        message: `Version ${variable.version} of the secret ${variable.name} ${why}.`,
        details: context,
      })
    }
    opened.push({
      name,
      value: await runtime.secrets.open(context, sealed.sealed),
      secret: true,
      scope: variable.scope,
    })
  }
  return opened
}

/** The snapshot's secrets in the versions of today's definition. */
export async function withCurrentSecrets(
  runtime: Runtime,
  resourceId: string,
  variables: Record<string, SnapshotVariable>,
): Promise<Record<string, SnapshotVariable>> {
  const present = (await runtime.store.getResource(resourceId))?.definition.environment ?? {}
  return Object.fromEntries(
    Object.entries(variables).map(([name, variable]) => {
      const today = present[name]
      return [
        name,
        'secret' in variable && today !== undefined && 'secret' in today
          ? { ...today, scope: variable.scope }
          : variable,
      ]
    }),
  )
}
