import { type Blocked, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { shown } from './facts.js'
import { otherFiles } from './faults.js'
import type { Located } from './find.js'
import { normal } from './paths.js'
import type { Reading } from './reading.js'
import { shellStart } from './start.js'
import { stageNames } from './target.js'

const field = 'runtime.dockerfilePath'

export function notFound({ profiles, baseDirectory }: PlannerContext, located: Located): Reason {
  const { dockerfilePath } = profiles.runtime
  const named = dockerfilePath !== undefined
  const others = otherFiles(located, baseDirectory)
  const where = baseDirectory === '.' ? 'the source' : baseDirectory
  return reason('dockerfile-not-found', {
    message: named
      ? `The source has no file ${JSON.stringify(shown(dockerfilePath))}.`
      : `There is no Dockerfile in ${where}${others.length > 0 ? ', and which of the others is meant is not said' : ''}.`,
    evidence: located.others.slice(0, 10).map((file) => ({ kind: 'file', file, signal: 'Dockerfile' })),
    fixPath: [
      {
        action: 'Add the Dockerfile to the source.',
        example: named && normal(dockerfilePath) ? shown(dockerfilePath) : 'Dockerfile',
      },
    ],
    overridePath:
      others.length > 0 || !named
        ? others
        : [{ action: `Remove ${field}: the source then decides.`, profileField: field }],
  })
}

export function noSuchStage({ profiles }: PlannerContext, { path, file, target }: Reading): Reason {
  const asked = JSON.stringify(shown(profiles.runtime.buildTarget ?? ''))
  const names = stageNames(file)
  const unnamed = target !== null
  return reason('build-target-not-found', {
    message: unnamed
      ? `Stage ${target.index} of ${path} has no name, and builders are asked for a stage by its name.`
      : `${path} has no stage ${asked}.`,
    evidence: file.stages.slice(0, 20).map((stage) => ({
      kind: 'dockerfile',
      file: path,
      signal: `FROM, line ${stage.line}`,
      value: stage.name ?? stage.index,
    })),
    fixPath: [
      unnamed
        ? { action: `Name the stage on line ${target.line}.`, example: `FROM ${shown(target.base)} AS app` }
        : { action: 'Add the stage to the Dockerfile.' },
    ],
    overridePath: [
      ...names
        .slice(0, 5)
        .map((example) => ({ action: 'Name another stage.', profileField: 'runtime.buildTarget', example })),
      { action: 'Remove runtime.buildTarget: the last stage is then built.', profileField: 'runtime.buildTarget' },
    ],
    affectedProfileField: 'runtime.buildTarget',
  })
}

export const nothingStarts = ({ path, target }: Reading): Reason =>
  reason('missing-start-intent', {
    message: `${path} builds on scratch and has neither CMD nor ENTRYPOINT: nothing says what to run.`,
    evidence: [{ kind: 'dockerfile', file: path, signal: `FROM, line ${target?.line ?? 1}`, value: 'scratch' }],
    fixPath: [{ action: 'Add a CMD or an ENTRYPOINT.', example: 'CMD ["/app"]' }],
    overridePath: [{ action: 'Set what is run.', profileField: 'runtime.startCommand', example: '/app' }],
  })

/** A shell as first process; null where there is none. */
export function shellFirst({ path, build }: Reading): Reason | null {
  const found = build === null ? null : shellStart(build.image)
  if (found === null) return null
  const { start, why } = found
  return reason('shell-as-pid-1', {
    message: `${why} It hands no signals on: the application is killed where it should stop by itself.`,
    evidence: [
      { kind: 'dockerfile', file: path, signal: `${start.instruction}, line ${start.line}`, value: shown(start.text) },
    ],
    fixPath: [
      {
        action: `Write ${start.instruction} as a list in JSON.`,
        example: `${start.instruction} ["node", "server.js"]`,
      },
      { action: 'Or let the shell hand over.', example: `${start.instruction} exec node server.js` },
    ],
  })
}

export function developmentStage({ path, file, target }: Reading): Reason {
  return reason('development-stage', {
    message: `The last stage of ${path} is ${target!.name}, which seems to be meant for development, and it is what is built.`,
    evidence: [{ kind: 'dockerfile', file: path, signal: `FROM, line ${target!.line}`, value: target!.name! }],
    overridePath: stageNames(file)
      .slice(0, 5)
      .map((example) => ({ action: 'Build another stage.', profileField: 'runtime.buildTarget', example })),
  })
}

/** Fields that ask for another way to build than a Dockerfile. */
export function contradiction({ profiles: { runtime } }: PlannerContext): Blocked['blocked'] | [] {
  const names = ['installCommand', 'buildCommand', 'packageCommand', 'publishDirectory', 'composeFiles'] as const
  const fields = names.filter((name) => runtime[name] !== undefined).map((name) => `runtime.${name}`)
  const [first] = fields
  if (first === undefined) return []
  return [
    reason('incompatible-source-strategy', {
      message: `A Dockerfile says itself how it is built, and leaves no place for ${fields.join(', ')}.`,
      evidence: fields.map((signal) => ({ kind: 'profile', signal })),
      fixPath: [{ action: 'Run the command in the Dockerfile.', example: 'RUN npm run build' }],
      overridePath: fields.map((profileField) => ({ action: `Remove ${profileField}.`, profileField })),
      affectedProfileField: first,
    }),
  ]
}
