import type { PlannerContext } from '@appaloft/core/spec'
import { type Build, buildOf } from './build.js'
import { type Context, findContext } from './context.js'
import { type Dockerfile, readDockerfile, type Stage } from './file.js'
import { limits } from './options.js'
import { targetStage } from './target.js'

/** A Dockerfile as far as it could be read. */
export interface Reading {
  path: string
  file: Dockerfile
  /** Null where the profile asks for a stage that does not exist, or the file cannot be read. */
  target: Stage | null
  build: Build | null
  context: Context
  /** The file is written for a builder that `# syntax` names: nothing in it means what it says elsewhere. */
  foreign: boolean
}

// docker/dockerfile and its relatives; everything else may be another language.
const ownSyntax = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/

export async function readAt(context: PlannerContext, path: string): Promise<Reading> {
  const { root, baseDirectory, profiles } = context
  const text = (await root.readText(path, { maxBytes: limits.fileBytes + 1 })) ?? ''
  const file = readDockerfile(text)
  if (text.length > limits.fileBytes) {
    file.faults.unshift({ line: 1, message: `the file is longer than ${limits.fileBytes} bytes` })
  }
  const foreign = file.syntax !== undefined && !ownSyntax.test(file.syntax)
  const readable = !foreign && file.faults.length === 0
  const target = readable ? targetStage(file, profiles.runtime.buildTarget) : null
  const variables = Object.entries(profiles.environment).filter(([, { scope }]) => scope !== 'runtime')
  const inputs = {
    args: profiles.runtime.buildArgs ?? {},
    variables: new Set(variables.map(([name]) => name)),
  }
  const build = target === null ? null : buildOf(file, target, inputs)
  return {
    path,
    file,
    target,
    build,
    context: await findContext(root, { baseDirectory, dockerfile: path }, build?.uses ?? []),
    foreign,
  }
}
