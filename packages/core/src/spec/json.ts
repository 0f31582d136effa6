import { z } from 'zod'

/** Any value that survives JSON. Data in claims, artifacts, events and errors is of this type, so that it can be stored and sent. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export const jsonSchema: z.ZodType<Json> = z.json() as z.ZodType<Json>
export const jsonObjectSchema: z.ZodType<JsonObject> = z.lazy(
  () => z.record(z.string(), jsonSchema) as z.ZodType<JsonObject>,
)

/**
 * JSON with sorted keys and without `undefined`: equal values give equal text, whatever the order in which they were built.
 * Fingerprints and content digests are taken over it.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner
    const entries = Object.entries(inner as Record<string, unknown>).filter(([, v]) => v !== undefined)
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  })
}
