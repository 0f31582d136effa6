import { z } from 'zod'
import { allReasonCodes, codes, docsPath, type ReasonCode } from './codes.js'
import { jsonSchema } from './json.js'
import { phaseSchema } from './phases.js'
import { object } from './schema.js'

/** One observed fact: which file said what. Paths are relative to the source's root; values are bounded and hold no secret. */
export const evidenceSchema = object(() => ({
  /** What sort of fact: `file`, `dependency`, `script`, `lockfile`, `config`, `source-text`, `profile`, `response`, `process`, … */
  kind: z.string().max(64),
  /** Relative to the source's root. */
  file: z.string().max(1024).optional(),
  /** What was looked for: `scripts.start`, `dependencies.express`, `process.env.PORT`. */
  signal: z.string().max(256),
  /** What was found. */
  value: jsonSchema.optional(),
}))
export type Evidence = z.infer<typeof evidenceSchema>

const pathEntrySchema = object(() => ({
  action: z.string(),
  profileField: z.string().optional(),
  example: z.string().optional(),
}))

/** Why a plan is blocked, or what it warns about. */
export const reasonSchema = object(() => ({
  code: z.enum(allReasonCodes),
  phase: phaseSchema,
  message: z.string(),
  evidence: z.array(evidenceSchema),
  /** What to change in the source, best first. */
  fixPath: z.array(pathEntrySchema),
  /** What to set in a profile instead, best first. */
  overridePath: z.array(pathEntrySchema),
  affectedProfileField: z.string().optional(),
  /** The page of the code, relative to the documentation's root. */
  docs: z.string(),
}))
export type Reason = z.infer<typeof reasonSchema>

/** Writes a reason. What is not given comes from the table of codes. */
export function reason(
  code: ReasonCode,
  options: {
    message?: string
    phase?: Reason['phase']
    evidence?: Evidence[]
    fixPath?: Reason['fixPath']
    overridePath?: Reason['overridePath']
    affectedProfileField?: string
  } = {},
): Reason {
  const entry = codes[code]
  const field = options.affectedProfileField ?? entry.field
  return {
    code,
    phase: options.phase ?? entry.phase ?? 'plan',
    message: options.message ?? entry.title,
    evidence: options.evidence ?? [],
    fixPath: options.fixPath ?? [{ action: entry.fix }],
    // Where the source itself is at fault, no profile helps.
    overridePath:
      options.overridePath ??
      (field === undefined || field === 'source' ? [] : [{ action: `Set ${field}.`, profileField: field }]),
    ...(field === undefined ? {} : { affectedProfileField: field }),
    docs: docsPath(code),
  }
}
