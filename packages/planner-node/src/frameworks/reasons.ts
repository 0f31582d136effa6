import { type Reason, reason } from '@appaloft/core/spec'
import type { Mode, Project } from './types.js'

const overridePath = [
  { action: 'Set how the built server starts.', profileField: 'runtime.startCommand', example: 'node build' },
  {
    action: 'Or, for a prerendered site, set its output directory.',
    profileField: 'runtime.publishDirectory',
    example: 'dist',
  },
]

/** Why a framework is not deployed as it stands, and what to change in the source. */
export const unsupported = (message: string, fix: string, example?: string): Reason =>
  reason('unsupported-framework', {
    message,
    fixPath: [{ action: fix, ...(example === undefined ? {} : { example }) }],
    overridePath,
  })

export const blocked = (message: string, fix: string, example?: string): Mode => ({
  kind: 'blocked',
  reason: unsupported(message, fix, example),
})

/** A setting that decides the mode is computed from what a reader of text cannot know. */
export const undecided = (project: Project, path: string): Mode =>
  blocked(
    `${project.config?.file ?? 'The configuration'} computes ${path}: it is read and not evaluated, so how the application runs is not known.`,
    `Write ${path} as a constant.`,
  )

export const noOutput = (file: string, path: string): Mode => ({
  kind: 'blocked',
  reason: reason('missing-artifact-output', {
    message: `${file} computes ${path}: it is not evaluated, so the output directory is not known.`,
    fixPath: [{ action: `Write ${path} as a constant.` }],
    overridePath: [
      { action: 'Set the directory that is built.', profileField: 'runtime.publishDirectory', example: 'dist' },
    ],
  }),
})
