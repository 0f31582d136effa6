import { isBlocked, type PlanDraft } from '@appaloft/core/spec'
import { planFixture } from '@appaloft/testkit'
import { node } from '../src/index.js'

export type Files = Record<string, string>

/** What is planned for these files, or in a word why nothing is: the codes that block it. */
export async function draftOf(files: Files): Promise<PlanDraft | string> {
  const { outcome } = await planFixture(node(), { name: 'a source', files })
  if (outcome.claim === null) return 'not claimed'
  const { result } = outcome
  return isBlocked(result) ? result.blocked.map((one) => one.code).join() : result
}

/** In one line: blocked codes, a folder that is served, or a start and its port; behind it the build. */
export async function planned(files: Files): Promise<string> {
  const draft = await draftOf(files)
  return typeof draft === 'string' ? draft : lineOf(draft)
}

export function lineOf({ artifact, commands, network }: PlanDraft): string {
  const line = (one: { command: string | readonly string[] } | undefined) => [one?.command ?? '-'].flat().join(' ')
  const what =
    artifact.kind === 'static-site'
      ? `serves ${artifact.publishDirectory}`
      : `${line(commands.start)} :${network.internalPort}`
  return `${what} < ${line(commands.build)}`
}
