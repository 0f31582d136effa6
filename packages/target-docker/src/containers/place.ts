import { posix } from 'node:path'
import type { Plan } from '@appaloft/core/spec'

/** Where a workspace lies in the images that are generated for it. */
export const workspaceRoot = '/app'

/** The user of generated images: `node` in the images of Node, and a number that is not root's everywhere. */
export const plainUser = 1000

/** Where commands of a release run; undefined: where the image says. */
export function workingDirectory(plan: Plan): string | undefined {
  if (plan.artifact.kind !== 'workspace') return undefined
  return posix.join(workspaceRoot, plan.artifact.workingDirectory)
}

/** A volume's place in the container. Relative ones lie in the working directory, which only a workspace is known to have. */
export const volumePath = (plan: Plan, path: string): string =>
  posix.isAbsolute(path) ? posix.normalize(path) : posix.join(workingDirectory(plan) ?? '/', path)

/** Relative paths lead nowhere else than into the working directory. */
export function volumePathFits(plan: Plan, path: string): boolean {
  if (posix.isAbsolute(path)) return posix.normalize(path) !== '/'
  const plain = posix.normalize(path)
  return plan.artifact.kind === 'workspace' && plain !== '.' && plain !== '..' && !plain.startsWith('../')
}
