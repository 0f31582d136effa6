import {
  AppaloftError,
  type DeploymentEvent,
  type DeploymentRecord,
  deploymentEventSchema,
  deploymentRecordSchema,
  holderSchema,
  type JsonObject,
  type Lease,
  type ReleaseRecord,
  type ResourceRecord,
  releaseRecordSchema,
  resourceRecordSchema,
} from '@appaloft/core/spec'
import type { Row } from './sql.js'

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } }
}

/** The text of a record, with nothing but what JSON can carry. */
export const text = (value: unknown): string => JSON.stringify(value)

export const readResource = (row: Row, id: unknown): ResourceRecord =>
  parsed(resourceRecordSchema, row[0], `resource ${id}`, { resourceId: String(id) })

export const readDeployment = (row: Row, id: unknown): DeploymentRecord =>
  parsed(deploymentRecordSchema, row[0], `deployment ${id}`, { deploymentId: String(id) })

export const readRelease = (row: Row, id: unknown): ReleaseRecord =>
  parsed(releaseRecordSchema, row[0], `release ${id}`, { releaseId: String(id) })

export const readEvent = (row: Row, deploymentId: string, sequence: unknown): DeploymentEvent =>
  parsed(deploymentEventSchema, row[0], `event ${sequence} of ${deploymentId}`, {
    deploymentId,
    sequence: Number(sequence),
  })

/** From `key, token, beats, holder`. */
export const readLease = ([key, token, beats, holder]: Row): Lease => ({
  key: String(key),
  token: Number(token),
  beats: Number(beats),
  holder: holder === null ? null : parsed(holderSchema, holder, `lease ${key}`, { key: String(key) }),
})

/** A record to be changed: without the judgement of its schema, which is for those who read it. */
export function unparsed<T>(value: unknown, name: string, details: JsonObject): T {
  try {
    return JSON.parse(String(value)) as T
  } catch (cause) {
    throw corrupt(name, 'it is not JSON', details, cause)
  }
}

function parsed<T>(schema: Schema<T>, value: unknown, name: string, details: JsonObject): T {
  const result = schema.safeParse(unparsed(value, name, details))
  if (result.success) return result.data
  const faults = result.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'record'}: ${issue.message}`)
  throw corrupt(name, faults.join('; '), details)
}

const corrupt = (name: string, fault: string, details: JsonObject, cause?: unknown): AppaloftError =>
  new AppaloftError('store-corrupt', { message: `The ${name} cannot be read: ${fault}.`, details, cause })
