import type { Loader, Scope } from './loader.js'
import { addIncluded } from './merge.js'
import { limits } from './options.js'
import { directoryOf, fromRoot, inside } from './paths.js'
import { ComposeProblem, type Place, quoted } from './problem.js'
import { changed, child, itemsOf, type Mapping, type Node, textOf } from './tree.js'
import type { Variables } from './variables.js'

/**
 * A document with all that it includes, and what that includes in turn. Each is a project of its own: its paths start at its own directory, and
 * its `.env` file gives variables that are not set already.
 *
 * @throws ComposeProblem for a circle, for a file that is not there, and where both define something differently.
 */
export async function included(
  loader: Loader,
  document: Mapping,
  scope: Scope,
  load: (files: readonly string[], scope: Scope, at: Place) => Promise<Mapping>,
): Promise<Mapping> {
  const entries = child(document, 'include')
  if (entries === undefined) return document
  let whole = changed(document, { include: undefined })
  for (const entry of itemsOf(entries)) {
    const files = textsOf(entry, 'path').map((path) => located(path, scope, entry))
    const [first] = files
    if (first === undefined) throw new ComposeProblem('An include names no file.', entry.at)
    if (scope.including.includes(first) || scope.including.length > limits.depth) {
      const round = [...scope.including.slice(scope.including.indexOf(first)), first]
      throw new ComposeProblem(
        `Files include each other in a circle: ${round.slice(0, 8).join(' includes ')}.`,
        entry.at,
      )
    }
    const given = textsOf(entry, 'project_directory')[0]
    const directory = given === undefined ? directoryOf(first) : located(given, scope, entry)
    const variables = await environment(loader, entry, directory, scope)
    const inner = { directory, variables, including: [...scope.including, first] }
    whole = addIncluded(whole, await load(files, inner, entry.at))
    loader.budget.spend('nodes', whole.size, entry.at)
  }
  return whole
}

async function environment(loader: Loader, entry: Node, directory: string, scope: Scope): Promise<Variables> {
  const files = textsOf(entry, 'env_file')
  if (files.length === 0) return loader.dotenv(directory, scope.variables)
  let { variables } = scope
  // A later file wins over an earlier one, and both lose against what is set already.
  for (const file of files.reverse())
    variables = await loader.variables(located(file, scope, entry), 'variables', variables, entry.at)
  return variables
}

/** The texts of an entry: `include: [a]`, `path: a` or `path: [a, b]`. */
function textsOf(entry: Node, key: string): string[] {
  const node = entry.kind === 'map' ? child(entry, key) : key === 'path' ? entry : undefined
  const one = textOf(node)
  return one !== undefined ? [one] : itemsOf(node).map((item) => textOf(item) ?? '')
}

function located(path: string, scope: Scope, entry: Node): string {
  const file = inside(fromRoot(scope.directory, path))
  if (file !== null) return file
  throw new ComposeProblem(`${quoted(path)}, which is included, lies outside the source.`, entry.at)
}
