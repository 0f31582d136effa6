import { hasCode } from '../spec/errors.js'
import { canonicalJson } from '../spec/json.js'
import { type SnapshotVariable, type Variable, type VariableChanges, variableChangesSchema } from '../spec/profiles.js'
import type { ResourceRecord } from '../spec/resource.js'
import { parseInput } from './input.js'
import { existingResource, refuseStale } from './lookup.js'
import type { Runtime } from './runtime.js'

/** A clear value with the version it has, or will have: for one call, never stored. */
export interface FreshSecret {
  name: string
  version: number
  value: string
  digest: string
  stored: boolean
}

/** Variables as a snapshot holds them. A secret keeps its version as long as its value is the same. Reads the store, writes nothing. */
export async function referenced(
  runtime: Runtime,
  id: string,
  given: Readonly<Record<string, Variable>>,
): Promise<{ variables: Record<string, SnapshotVariable>; fresh: FreshSecret[] }> {
  const variables: Record<string, SnapshotVariable> = {}
  const fresh: FreshSecret[] = []
  for (const [name, { value, secret, scope = 'runtime' }] of Object.entries(given)) {
    if (!secret) {
      variables[name] = { value, scope }
      continue
    }
    const digest = await runtime.secrets.digest(id, name, value)
    const known = await runtime.store.listSealed(id, name)
    const same = known.findLast((one) => one.digest === digest)
    const version = same?.version ?? Math.max(0, ...known.map((one) => one.version)) + 1
    variables[name] = { secret: true, name, version, digest, scope }
    fresh.push({ name, version, value, digest, stored: same !== undefined })
  }
  return { variables, fresh }
}

/** `conflict` where another engine gave that version to another value meanwhile. */
export async function sealFresh(runtime: Runtime, id: string, fresh: readonly FreshSecret[]): Promise<void> {
  for (const { name, version, value, digest, stored } of fresh) {
    if (stored) continue
    const context = { resourceId: id, name, version }
    await runtime.store.putSealed({ ...context, digest, sealed: await runtime.secrets.seal(context, value) })
  }
}

/** The variables set by `setVariables` that a new definition does not name. */
export function keptVariables(
  present: ResourceRecord | null,
  given: Readonly<Record<string, unknown>>,
): Record<string, SnapshotVariable> {
  const variables = present?.definition.environment ?? {}
  return Object.fromEntries(
    (present?.variables ?? []).flatMap((name) => {
      const variable = variables[name]
      return variable === undefined || Object.hasOwn(given, name) ? [] : [[name, variable]]
    }),
  )
}

/** A read, a decision and a compare-and-set: made anew where another engine was faster. */
export async function untilUndisturbed<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await act()
    } catch (error) {
      if (!hasCode(error, 'conflict') || tries >= 20) throw error
    }
  }
}

/** Sets and unsets variables of a defined resource; idempotent: where nothing differs, nothing is written. */
export async function setVariables(
  runtime: Runtime,
  id: string,
  input: VariableChanges,
  options: { stateVersion?: number } = {},
): Promise<ResourceRecord> {
  const changes = parseInput(variableChangesSchema, input, 'set of variables')
  return untilUndisturbed(async () => {
    const present = await existingResource(runtime.store, id)
    refuseStale(present, options.stateVersion)
    const former = present.definition.environment ?? {}
    const given: Record<string, Variable> = {}
    const removed = new Set<string>()
    for (const [name, change] of Object.entries(changes)) {
      if (change === null) removed.add(name)
      else given[name] = completed(change, former[name])
    }
    const { variables, fresh } = await referenced(runtime, id, given)
    await sealFresh(runtime, id, fresh)
    const without = ([name]: [string, unknown]) => !removed.has(name)
    const environment = Object.fromEntries(Object.entries({ ...former, ...variables }).filter(without))
    const { environment: _former, ...rest } = present.definition
    const definition = { ...rest, ...(Object.keys(environment).length === 0 ? {} : { environment }) }
    const names = new Set(
      [...(present.variables ?? []), ...Object.keys(variables)].filter((name) => !removed.has(name)),
    )
    const same = canonicalJson([former, present.variables ?? []])
    if (canonicalJson([environment, [...names]]) === same) return present
    const { variables: _names, stateVersion, ...record } = present
    return runtime.store.putResource(
      { ...record, definition, ...(names.size === 0 ? {} : { variables: [...names] }), updatedAt: runtime.now() },
      stateVersion,
    )
  })
}

/** What a change leaves out stays as it is: a secret above all, which must not end in clear for want of a word. */
function completed(change: Variable, former: SnapshotVariable | undefined): Variable {
  const secret = former !== undefined && 'secret' in former
  return { value: change.value, secret: change.secret ?? secret, scope: change.scope ?? former?.scope ?? 'runtime' }
}
