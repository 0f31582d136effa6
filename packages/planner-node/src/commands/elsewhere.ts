import { posix } from 'node:path'
import { globTree, type PlannerContext, type SourceTree } from '@appaloft/core/spec'
import { limits } from '../options.js'
import { readManifest } from '../sources/manifest.js'

interface Place {
  directory: string
  line: string
}

/** `cd backend && …`: where the rest runs. */
function changed({ directory, line }: Place): Place | null {
  const [all, into] = /^\s*cd\s+["']?([\w@./-]+)["']?\s*(?:&&|;)\s*/.exec(line) ?? []
  return all === undefined ? null : { directory: posix.join(directory, into!), line: line.slice(all.length) }
}

/** `npm start --prefix backend`, `yarn --cwd backend run start`, `pnpm -C backend start`: a script of another folder's package. */
function called({ directory, line }: Place): { directory: string; script: string } | null {
  if (/[;&|]/.test(line)) return null
  const [program = '', ...rest] = line.trim().split(/\s+/)
  if (!['npm', 'pnpm', 'yarn', 'bun'].includes(program)) return null
  let folder: string | undefined
  const words: string[] = []
  for (let i = 0; i < rest.length; i++) {
    const [flag, value] = rest[i]!.split('=')
    if (['--prefix', '--cwd', '-C', '--dir'].includes(flag!)) folder = value ?? rest[++i]
    else if (!flag!.startsWith('-')) words.push(rest[i]!)
  }
  const script = words[0] === 'run' || words[0] === 'run-script' ? words[1] : words[0]
  if (script === undefined || (folder === undefined && directory === '.')) return null
  return { directory: posix.join(directory, folder ?? '.'), script }
}

function below(tree: SourceTree, directory: string): SourceTree {
  const inside = (path: string): string => posix.join(directory, path)
  const plain = {
    has: (path: string) => tree.has(path.endsWith('/') ? `${inside(path).replace(/\/$/, '')}/` : inside(path)),
    list: (path = '.') => tree.list(inside(path)),
  }
  return {
    ...plain,
    readText: (path, options) => tree.readText(inside(path), options),
    glob: (pattern, options) => globTree(plain, pattern, options),
  }
}

/** Where a line that goes to another folder ends up, and what runs there. Null where it stays, `outside` where it leaves the source. */
export async function elsewhere(
  context: PlannerContext,
  line: string,
): Promise<{ context: PlannerContext; line: string } | 'outside' | null> {
  let place: Place = { directory: '.', line }
  for (let depth = 0; depth < limits.scriptDepth; depth++) {
    const next = changed(place) ?? (await scriptAt(context, place))
    if (next === null) break
    place = next
  }
  const directory = posix.normalize(place.directory)
  if (directory === '.') return null
  if (directory.startsWith('..') || posix.isAbsolute(directory)) return 'outside'
  const tree = below(context.tree, directory)
  return {
    context: { ...context, tree, baseDirectory: posix.join(context.baseDirectory, directory) },
    line: place.line,
  }
}

async function scriptAt(context: PlannerContext, place: Place): Promise<Place | null> {
  const call = called(place)
  if (call === null || call.directory.startsWith('..')) return null
  const read = await readManifest(context.tree, posix.join(call.directory, 'package.json'))
  const line = read !== null && 'manifest' in read ? read.manifest.scripts[call.script] : undefined
  return line === undefined || line === place.line ? null : { directory: call.directory, line }
}
