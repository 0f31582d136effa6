import type { Dockerfile, Stage } from './file.js'

/** A name of a stage that is for people who work on it. */
const development = /^(?:dev|devel|develop|development|debug|test|tests|testing|lint|ci|watch|local)(?:[._-].*)?$/i

export const isDevelopment = ({ name }: Stage): boolean => name !== undefined && development.test(name)

/**
 * The stage that the profile names, by name whatever its case or by number, else the last one. Null where there is none.
 * A number is for people: builders take a name only.
 */
export function targetStage({ stages }: Dockerfile, asked: string | undefined): Stage | null {
  if (asked === undefined) return stages.at(-1) ?? null
  const named = stages.findLast((stage) => stage.name?.toLowerCase() === asked.toLowerCase())
  if (named !== undefined) return named
  return /^[0-9]{1,4}$/.test(asked) ? (stages[Number(asked)] ?? null) : null
}

/** The names of stages that can be asked for, the later ones first: they are nearer to what is deployed. */
export function stageNames({ stages }: Dockerfile): string[] {
  const names = stages
    .filter((stage) => !isDevelopment(stage))
    .flatMap(({ name }) => (name === undefined ? [] : [name]))
  return [...new Set(names.reverse())]
}
