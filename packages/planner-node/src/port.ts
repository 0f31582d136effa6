import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { fact, shown } from './manifest.js'
import { defaultPort, limits } from './options.js'
import { entryOf, flagValue } from './scripts.js'
import { isMark, isName, portOf, type Word, words } from './text.js'

export interface PortFound {
  /** PORT is read; this is what the source says without it. */
  honoured?: { port: number; evidence: Evidence }
  /** A number that is listened on whatever PORT says. */
  fixed?: { port: number; evidence: Evidence }
}

/** Where a default stands after a read of PORT: behind closing brackets and a radix, after `??` or `||`. */
function defaultAfter(list: Word[], end: number): number | undefined {
  let i = end
  while (isMark(list[i], ')') || (isMark(list[i], ',') && list[i + 1]?.value === '10'))
    i += isMark(list[i], ')') ? 1 : 2
  if (!isMark(list[i], '??') && !isMark(list[i], '||')) return undefined
  const next = list[i + 1]
  return portOf(next) ?? (next?.type === 'name' ? constant(list, next.value) : undefined)
}

/** The number of `const name = 4000`. */
function constant(list: Word[], name: string): number | undefined {
  for (let i = 0; i < list.length - 2; i++)
    if (isName(list[i], name) && isMark(list[i + 1], '=')) {
      const port = portOf(list[i + 2])
      if (port !== undefined) return port
    }
  return undefined
}

/** `{ …, PORT = 3000 } = process.env` with the `=` at `equals`. */
function destructured(list: Word[], equals: number): { port?: number } | null {
  if (!isMark(list[equals - 1], '}')) return null
  for (let i = equals - 2; i >= 0 && !isMark(list[i], '{'); i--) {
    if (!(isName(list[i], 'PORT') && (isMark(list[i - 1], '{') || isMark(list[i - 1], ',')))) continue
    const at = isMark(list[i + 1], ':') ? i + 3 : i + 1
    const port = isMark(list[at], '=') ? portOf(list[at + 1]) : undefined
    return port === undefined ? {} : { port }
  }
  return null
}

/** Does the code read PORT from the environment, and what stands in for it? */
export function readsPort(list: Word[]): { port?: number } | null {
  const imported = list.some((word) => word.type === 'string' && /^(node:)?process$/.test(word.value))
  let found: { port?: number } | null = null
  for (let i = 0; i < list.length; i++) {
    if (!isName(list[i], 'env')) continue
    const owned = isMark(list[i - 1], '.') && (isName(list[i - 2], 'process') || isName(list[i - 2], 'Bun'))
    if (!owned && !(imported && !isMark(list[i - 1], '.'))) continue
    let end = -1
    if ((isMark(list[i + 1], '.') || isMark(list[i + 1], '?.')) && isName(list[i + 2], 'PORT')) end = i + 3
    else if (isMark(list[i + 1], '[') && list[i + 2]?.type === 'string' && list[i + 2]?.value === 'PORT') end = i + 4
    if (end >= 0) {
      if (isMark(list[end], '=')) continue
      const port = defaultAfter(list, end)
      if (port !== undefined) return { port }
      found ??= {}
    } else {
      const equals = owned ? i - 3 : i - 1
      const taken = isMark(list[equals], '=') ? destructured(list, equals) : null
      if (taken?.port !== undefined) return taken
      found ??= taken
    }
  }
  return found
}

/** The number of `listen(4000)`, `listen({ port: 4000 })` or `serve({ port: 4000 })`. */
export function listensOn(list: Word[]): number | undefined {
  for (let i = 0; i < list.length - 2; i++) {
    if (!(isName(list[i], 'listen') || isName(list[i], 'serve')) || !isMark(list[i + 1], '(')) continue
    for (let j = i + 2; j < Math.min(i + 40, list.length); j++) {
      const direct = j === i + 2
      const named = isName(list[j - 2], 'port') && isMark(list[j - 1], ':')
      const short = isName(list[j], 'port') && !isMark(list[j + 1], ':') && j > i + 2
      if (!direct && !named && !short) continue
      const word = list[j]!
      const port = word.type === 'number' ? portOf(word) : word.type === 'name' ? constant(list, word.value) : undefined
      if (port !== undefined) return port
    }
  }
  return undefined
}

/** Does the code open a server? */
export const opensServer = (list: Word[]): boolean =>
  list.some(
    (word, i) =>
      word.type === 'name' && ['listen', 'createServer', 'serve'].includes(word.value) && isMark(list[i + 1], '('),
  )

const endings = ['', '.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.tsx', '.jsx']

/** A module path as the file it names: as written, with an ending, or as a folder's index. */
export async function resolveFile(context: PlannerContext, path: string): Promise<string | null> {
  const clean = posix.normalize(path).replace(/\/$/, '')
  if (clean.startsWith('..')) return null
  const typed = clean.replace(/\.([mc]?)js$/, '.$1ts')
  for (const one of [clean, typed]) {
    for (const ending of endings) if (await context.tree.has(one + ending)) return one + ending
    for (const ending of endings.slice(1))
      if (await context.tree.has(`${one}/index${ending}`)) return `${one}/index${ending}`
  }
  return null
}

const outputs = /^(?:dist|build|out|lib|output|\.output)\//

/** Does the path lie in a directory that builds write? */
export const isOutput = (path: string): boolean => outputs.test(posix.normalize(path))

/** The source of a start file: itself where it exists, else what it is compiled from. */
export async function sourceOf(context: PlannerContext, entry: string): Promise<string | null> {
  const path = posix.normalize(entry)
  const own = await resolveFile(context, path)
  if (own !== null || !outputs.test(path)) return own
  const rest = path.replace(outputs, '')
  return (await resolveFile(context, `src/${rest.replace(/^src\//, '')}`)) ?? (await resolveFile(context, rest)) ?? null
}

function importsOf(list: Word[]): string[] {
  const out: string[] = []
  for (let i = 1; i < list.length; i++) {
    const word = list[i]!
    if (word.type !== 'string' || !/^\.\.?(?:\/|$)/.test(word.value)) continue
    const before = list[i - 1]
    const call = isMark(before, '(') && (isName(list[i - 2], 'require') || isName(list[i - 2], 'import'))
    if (call || isName(before, 'from') || isName(before, 'import')) out.push(word.value)
  }
  return out
}

export interface Module {
  file: string
  list: Word[]
}

/** What was read in a context is read and taken apart once. */
const known = new WeakMap<PlannerContext, Map<string, Promise<Module[]>>>()

/** An entry file and what it imports by relative path, nearest first. Bounded. */
export function modules(context: PlannerContext, entry: string): Promise<Module[]> {
  const mine = known.get(context) ?? new Map<string, Promise<Module[]>>()
  known.set(context, mine)
  const found = mine.get(entry) ?? readModules(context, entry)
  mine.set(entry, found)
  return found
}

async function readModules(context: PlannerContext, entry: string): Promise<Module[]> {
  const open = [entry]
  const seen = new Set(open)
  const out: Module[] = []
  for (let file = open.shift(); file !== undefined && out.length < limits.entryFiles; file = open.shift()) {
    context.signal.throwIfAborted()
    const text = await context.tree.readText(file, { maxBytes: limits.sourceBytes })
    if (text === null) continue
    const list = words(text)
    out.push({ file, list })
    for (const path of importsOf(list)) {
      const next = await resolveFile(context, posix.join(posix.dirname(file), path))
      if (next === null || seen.has(next) || next.endsWith('.json')) continue
      seen.add(next)
      open.push(next)
    }
  }
  return out
}

/** Commands of servers known to listen where PORT says, with the port they take without it. */
const honouring: readonly [RegExp, number][] = [
  [/(?:^|[\s/])(?:next|blitz) start(?:\s|$)/, 3000],
  [/\.next\/standalone\/server\.js/, 3000],
  [/\.output\/server\/index\.mjs/, 3000],
  [/(?:^|\s)(?:remix-serve|react-router-serve)\s/, 3000],
  [/(?:^|\s)vinxi start/, 3000],
  [/(?:^|\s)fastify start(?:\s|$)/, 3000],
  [/(?:^|[\s/])(?:serve|micro|probot run)(?:\s|$)/, 3000],
  [/(?:^|[\s/])http-server(?:\s|$)/, 8080],
  [/(?:^|[\s/])sirv(?:\s|$)/, 8080],
  [/(?:^|[\s/])srvx(?:\s|$)/, 3000],
  [/(?:^|[\s/])listhen(?:\s|$)/, 3000],
]
/**
 * What proves the port of a server that is started by `line` (a shell line or a joined argv): the line itself, a framework's own server,
 * or an entry file that reads PORT.
 */
export async function findPort(
  context: PlannerContext,
  line: string,
  options: { own?: number; signal: string },
): Promise<PortFound> {
  const text = line.trim()
  const variable = /\$(?:PORT\b|\{PORT(?::?-(\d+))?\})/.exec(text)
  if (variable)
    return {
      honoured: {
        port: Number(variable[1] ?? defaultPort),
        evidence: { kind: 'script', signal: `$PORT in ${options.signal}`, value: shown(text) },
      },
    }
  const flag = Number(flagValue(text, ['-p', '--port', '-l']) ?? /(?:^|\s)PORT=(\d+)\s/.exec(text)?.[1])
  if (Number.isInteger(flag) && flag >= 1 && flag <= 65_535)
    return { fixed: { port: flag, evidence: { kind: 'script', signal: options.signal, value: shown(text) } } }
  const known = honouring.find(([pattern]) => pattern.test(text))
  const port = options.own ?? known?.[1]
  if (port !== undefined)
    return {
      honoured: {
        port,
        evidence: { kind: 'script', signal: `the server of ${options.signal} honours PORT`, value: shown(text) },
      },
    }
  const entry = entryOf(text)
  const start = entry === undefined ? null : await sourceOf(context, entry)
  if (start === null) return {}
  let fixed: PortFound['fixed']
  let without: PortFound['honoured']
  for (const { file, list } of await modules(context, start)) {
    const read = readsPort(list)
    if (read?.port !== undefined)
      return {
        honoured: { port: read.port, evidence: fact(context, 'source-text', file, 'process.env.PORT', read.port) },
      }
    if (read) without ??= { port: defaultPort, evidence: fact(context, 'source-text', file, 'process.env.PORT') }
    const number = listensOn(list)
    if (number !== undefined) fixed ??= { port: number, evidence: fact(context, 'source-text', file, 'listen', number) }
  }
  if (without) return { honoured: without }
  return fixed ? { fixed } : {}
}
