import { extended } from './extends.js'
import { included } from './include.js'
import type { Loader, Scope, Taken } from './loader.js'
import { mergeDocuments, settled } from './merge.js'
import type { Place } from './problem.js'
import { type Mapping, mapping } from './tree.js'

/**
 * A project of one or more files, each upon the one before, with all that they include and extend.
 *
 * @throws ComposeProblem where one is missing, too long, not YAML, not of the specification, or in a circle.
 */
export async function loadModel(
  loader: Loader,
  files: readonly string[],
  as: Taken['as'],
  scope: Scope,
  at: Place,
): Promise<Mapping> {
  let model: Mapping | null = null
  for (const file of files) {
    for (const document of await loader.documents(file, as, scope, at)) {
      const complete = await extended(loader, document, file, scope)
      const whole = await included(loader, complete, scope, (paths, inner, place) =>
        loadModel(loader, paths, 'include', inner, place),
      )
      loader.budget.spend('nodes', whole.size, { file })
      model = model === null ? (settled(whole) as Mapping) : mergeDocuments(model, whole)
    }
  }
  return model ?? mapping([], at)
}
