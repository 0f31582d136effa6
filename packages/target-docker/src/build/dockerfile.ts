import type { Plan } from '@appaloft/core/spec'
import type { Settings } from '../options.js'
import { siteDockerfile } from './site.js'
import type { BuildVariables } from './words.js'
import { workspaceDockerfile } from './workspace.js'

/** The Dockerfile that is generated for a plan; null where the user has one, or where nothing is built. */
export function dockerfileFor(
  plan: Plan,
  settings: Pick<Settings, 'baseImage' | 'siteImage'>,
  variables: BuildVariables,
): string | null {
  if (plan.artifact.kind === 'workspace') return workspaceDockerfile(plan, settings, variables)
  if (plan.artifact.kind === 'static-site') return siteDockerfile(plan, settings, variables)
  return null
}
