import type { Category, Phase } from '../phases.js'

export interface CodeEntry {
  /** One sentence, without values. */
  title: string
  /** What to do. Shown as `recoveryHint`, and on the code's page. */
  fix: string
  category: Category
  phase?: Phase
  /** The profile field to change, where one field decides. */
  field?: string
  /** Would the same call, made again without a change, have a chance? */
  retriable?: boolean
}

export const entry = (
  category: Category,
  phase: Phase | undefined,
  title: string,
  fix: string,
  rest: Partial<CodeEntry> = {},
): CodeEntry => ({
  category,
  title,
  fix,
  ...(phase === undefined ? {} : { phase }),
  ...rest,
})
