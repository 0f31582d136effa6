import { type Redactor, redactLines, redactor } from '../secrets/index.js'
import type { Preview } from '../spec/plan.js'
import type { SnapshotVariable, Variable } from '../spec/profiles.js'
import { openVariables } from './definitions.js'
import type { Runtime } from './runtime.js'

/**
 * Finds every value that the resource's secrets have or had: what was built with a former one may still show it. `secret-unavailable` where
 * one of the snapshots' cannot be opened.
 */
export async function redactorOf(
  runtime: Runtime,
  resourceId: string,
  ...snapshots: (Record<string, SnapshotVariable> | undefined)[]
): Promise<Redactor> {
  const { store, secrets } = runtime
  const values = new Set<string>()
  for (const variables of snapshots)
    for (const one of await openVariables(runtime, resourceId, variables ?? {})) if (one.secret) values.add(one.value)
  for (const { sealed, ...context } of await store.listSealed(resourceId)) {
    const value = await secrets.open(context, sealed).catch(() => null)
    if (value !== null) values.add(value)
  }
  return redactor(values)
}

/** As `redactorOf` for a preview, before anything is sealed: the values given with the request, and what is kept already and can be opened. */
export async function knownSecrets(
  { store, secrets }: Runtime,
  resourceId: string,
  given: Record<string, Variable>,
): Promise<Redactor | null> {
  const values = new Set(Object.values(given).flatMap(({ value, secret }) => (secret === true ? [value] : [])))
  for (const { sealed, ...context } of await store.listSealed(resourceId)) {
    const value = await secrets.open(context, sealed).catch(() => null)
    if (value !== null) values.add(value)
  }
  return values.size === 0 ? null : redactor(values)
}

/** A preview without secrets, also where a command or a build argument holds one. Its fingerprint is that of what will run. */
export const shownPreview = (redact: Redactor | null, preview: Preview): Preview =>
  redact === null ? preview : { ...cleaned(redact, preview), fingerprint: preview.fingerprint }

/** Names in our own records whose values are words, ids and times of ours: a secret that is one of them by chance must not break a record. */
const ours = new Set([
  ...['id', 'resourceId', 'deploymentId', 'releaseId', 'sourceDeploymentId', 'supersededBy', 'recoveredBy', 'target'],
  ...['type', 'at', 'phase', 'currentPhase', 'step', 'level', 'code', 'category', 'kind', 'status', 'check', 'state'],
  ...['trigger', 'outcome', 'rollback', 'promotion', 'drain', 'from', 'verb', 'recommended', 'stream', 'docs', 'key'],
  ...['profileField', 'affectedProfileField', 'recoveryHint', 'digest', 'planFingerprint', 'generatedAt', 'observedAt'],
  ...['createdAt', 'startedAt', 'finishedAt'],
])

/** A record of ours without secrets: its words and numbers stay, what came from elsewhere is redacted. The record itself is not changed. */
export function cleaned<T>(redact: Redactor, value: T, name?: string): T
export function cleaned(redact: Redactor, value: unknown, name = ''): unknown {
  if (typeof value === 'string') return ours.has(name) ? value : redact.text(value)
  if (name === 'value') return redact.json(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    // The last lines of an output: it began before them.
    if (name === 'lastLogs' && value.every((one) => typeof one === 'string'))
      return redactLines(redact, value, { cut: true })
    return value.map((one) => cleaned(redact, one, name))
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cleaned(redact, inner, key)]))
}
