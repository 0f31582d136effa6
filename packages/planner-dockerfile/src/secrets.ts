import { type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import type { Build } from './build.js'

/**
 * Secrets of the build that the Dockerfile takes through ARG alone: they would stay in a layer or in the image's history. One that it
 * mounts, or does not ask for at all, leaves nothing behind.
 */
export function secretReason({ profiles }: PlannerContext, path: string, { args, secrets }: Build): Reason | null {
  const secret = Object.entries(profiles.environment)
    .filter(([name, variable]) => variable.secret && variable.scope !== 'runtime' && !secrets.has(name))
    .map(([name]) => name)
    .sort()
  const taken = secret.flatMap((name) => args.filter((arg) => arg.name === name).slice(0, 1))
  const [first] = taken
  if (first === undefined) return null
  return reason('secret-in-build-scope', {
    message: `${path} takes ${taken.map(({ name }) => name).join(', ')} through ARG, which would stay in the image.`,
    evidence: taken.map(({ line, name }) => ({
      kind: 'dockerfile',
      file: path,
      signal: `ARG, line ${line}`,
      value: name,
    })),
    fixPath: [
      {
        action: 'Mount it where it is needed, and remove the ARG.',
        example: `RUN --mount=type=secret,id=${first.name},env=${first.name} …`,
      },
    ],
    overridePath: taken.map(({ name }) => ({
      action: 'Give the secret to the running application only.',
      profileField: `environment.${name}.scope`,
      example: 'runtime',
    })),
    affectedProfileField: `environment.${first.name}`,
  })
}
