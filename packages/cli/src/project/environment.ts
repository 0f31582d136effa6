import type { ResourceRecord, SnapshotVariable, Store } from '@appaloft/core/spec'

export type ListedVariable = {
  name: string
  scope: SnapshotVariable['scope']
  /** `set`: by `env set`, so that it outlasts a definition without it. */
  from: 'set' | 'definition'
} & ({ secret: false; value: string } | { secret: true; version: number })

/** By name. A secret only by its version. */
export function describeVariables({ definition, variables = [] }: ResourceRecord): ListedVariable[] {
  return Object.entries(definition.environment ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, variable]) => ({
      name,
      scope: variable.scope,
      from: variables.includes(name) ? 'set' : 'definition',
      ...('secret' in variable
        ? { secret: true, version: variable.version }
        : { secret: false, value: variable.value }),
    }))
}

/** Names of the variables that a live release has otherwise, or has although they were taken away. */
export async function pendingVariables(store: Store, resource: ResourceRecord): Promise<string[]> {
  const defined = resource.definition.environment ?? {}
  const found = new Set<string>()
  for (const { releaseId } of Object.values(resource.live)) {
    const running = (await store.getRelease(releaseId))?.plan.environment ?? {}
    for (const name of Object.keys({ ...defined, ...running })) {
      if (!same(defined[name], running[name])) found.add(name)
    }
  }
  return [...found].sort()
}

/** Names whose variable differs between two states of a resource. */
export function changedVariables(before: ResourceRecord, after: ResourceRecord): string[] {
  const [a = {}, b = {}] = [before.definition.environment, after.definition.environment]
  return Object.keys({ ...a, ...b })
    .filter((name) => !same(a[name], b[name]))
    .sort()
}

const same = (a: SnapshotVariable | undefined, b: SnapshotVariable | undefined): boolean => {
  if (a === undefined || b === undefined) return a === b
  if (a.scope !== b.scope) return false
  if ('secret' in a || 'secret' in b) return 'secret' in a && 'secret' in b && a.digest === b.digest
  return a.value === b.value
}
