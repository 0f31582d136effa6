/** One promise of a contract, as data: any test runner can run it. */
export interface ConformanceCase<Subject> {
  /** Stable, for reports and for leaving a case out with a reason: `store.commit.guards`. */
  id: string
  /** The promise in one sentence. */
  title: string
  /** Abilities that the subject must declare; without them the case does not apply. */
  requires: readonly string[]
  /** Throws (node:assert) where the promise is not kept. Cleans up what it made. */
  run(subject: Subject): Promise<void>
}

/** The cases that apply to a subject with these abilities, and those that do not. */
export function applicable<Subject>(
  cases: readonly ConformanceCase<Subject>[],
  abilities: readonly string[],
): { run: ConformanceCase<Subject>[]; skipped: { id: string; missing: string[] }[] } {
  const run: ConformanceCase<Subject>[] = []
  const skipped: { id: string; missing: string[] }[] = []
  for (const one of cases) {
    const missing = one.requires.filter((ability) => !abilities.includes(ability))
    if (missing.length === 0) run.push(one)
    else skipped.push({ id: one.id, missing })
  }
  return { run, skipped }
}
