import { AppaloftError, hasCode } from '../spec/errors.js'
import { canonicalJson } from '../spec/json.js'
import type { ResourceDefinition, ResourceSnapshot, SnapshotVariable } from '../spec/profiles.js'
import { resourceDefinitionSchema } from '../spec/profiles.js'
import type { ResourceRecord } from '../spec/resource.js'
import { parseInput } from './input.js'
import type { Runtime } from './runtime.js'

export interface Snapshot {
  definition: ResourceSnapshot
  /** Clear values by name and version: for this call alone, never stored. */
  fresh: { name: string; version: number; value: string; digest: string; stored: boolean }[]
}

/** The definition with its secrets replaced by references. Reads the store, writes nothing. */
export async function snapshotOf(runtime: Runtime, given: ResourceDefinition, id: string): Promise<Snapshot> {
  const environment: Record<string, SnapshotVariable> = {}
  const fresh: Snapshot['fresh'] = []
  for (const [name, variable] of Object.entries(given.environment ?? {})) {
    const scope = variable.scope ?? 'runtime'
    if (!variable.secret) {
      environment[name] = { value: variable.value, scope }
      continue
    }
    const digest = await runtime.secrets.digest(id, name, variable.value)
    const known = await runtime.store.listSealed(id, name)
    const same = known.findLast((one) => one.digest === digest)
    const version = same?.version ?? Math.max(0, ...known.map((one) => one.version)) + 1
    environment[name] = { secret: true, name, version, digest, scope }
    fresh.push({ name, version, value: variable.value, digest, stored: same !== undefined })
  }
  const { environment: _given, ...rest } = given
  return { definition: { ...rest, id, ...(given.environment ? { environment } : {}) }, fresh }
}

/** Defines or replaces; idempotent: an equal definition changes nothing, its `stateVersion` included. */
export async function define(runtime: Runtime, input: ResourceDefinition): Promise<ResourceRecord> {
  const given = parseInput(resourceDefinitionSchema, input, 'resource')
  const id = given.id ?? runtime.ids.next('res')
  for (let tries = 0; ; tries++) {
    const present = await runtime.store.getResource(id)
    const { definition, fresh } = await snapshotOf(runtime, given, id)
    for (const { name, version, value, digest, stored } of fresh) {
      if (stored) continue
      const context = { resourceId: id, name, version }
      await runtime.store.putSealed({ ...context, digest, sealed: await runtime.secrets.seal(context, value) })
    }
    if (present !== null && canonicalJson(present.definition) === canonicalJson(definition)) return present
    const now = runtime.now()
    try {
      return await runtime.store.putResource(
        { id, definition, live: present?.live ?? {}, createdAt: present?.createdAt ?? now, updatedAt: now },
        present?.stateVersion ?? null,
      )
    } catch (error) {
      if (!hasCode(error, 'conflict') || tries >= 20) throw error
    }
  }
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
    if (sealed === null) {
      throw new AppaloftError('secret-unavailable', {
        message: `Version ${variable.version} of the secret ${variable.name} is no longer kept.`,
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
