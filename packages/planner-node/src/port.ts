import { posix } from 'node:path'
import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { compiledFrom } from './commands/compiled.js'
import { elsewhere } from './commands/elsewhere.js'
import { callsProgram, entryOf, flagValue } from './commands/scripts.js'
import { constant, readsPort } from './environment.js'
import { defaultPort, limits } from './options.js'
import { importsOf, leadsTo } from './sources/imports.js'
import { fact, readManifest, shown } from './sources/manifest.js'
import { resolveFile } from './sources/resolve.js'
import { isMark, isName, portOf, valueOf, type Word, words } from './sources/text.js'

export { resolveFile }

export interface PortFound {
  /** PORT is read; this is what the source says without it. */
  honoured?: { port: number; evidence: Evidence }
  /** A number that is listened on whatever PORT says. */
  fixed?: { port: number; evidence: Evidence }
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

/** `export default app`, or an object with `fetch` and without a port. */
const exportsServer = (list: Word[]): boolean => {
  const at = list.findIndex((word, i) => isName(word, 'export') && isName(list[i + 1], 'default'))
  const value = list[at + 2]
  if (at < 0 || value === undefined) return false
  if (!isMark(value, '{')) return value.type === 'name' && list.some((word) => /^(?:hono|elysia)$/i.test(word.value))
  return valueOf(list.slice(at + 2), 'port', 1) < 0 && list.slice(at + 2).some((word) => isName(word, 'fetch'))
}

/** Does the code open a server? */
export const opensServer = (list: Word[]): boolean =>
  list.some(
    (word, i) =>
      word.type === 'name' && ['listen', 'createServer', 'serve'].includes(word.value) && isMark(list[i + 1], '('),
  )

const outputs = /^(?:dist|build|out|lib|output|\.output)\//

/** Folders that a build without further settings takes its sources from. */
const sources = ['src', 'server', 'api', 'backend', 'app', 'lib']

/** Does the path lie in a directory that builds write? */
export const isOutput = (path: string): boolean => outputs.test(posix.normalize(path))

/** The source of a start file: itself where it exists, else what it is compiled from. */
export async function sourceOf(context: PlannerContext, entry: string): Promise<string | null> {
  const named = posix.normalize(entry).replace(/(?<=.)\/$/, '')
  if (named === '.') return fromMain(context)
  // Of a folder Node runs the index.
  const path = outputs.test(`${named}/`) && !named.includes('/') ? posix.join(named, 'index.js') : named
  const own = await resolveFile(context, path)
  if (own !== null) return own
  if (!outputs.test(path)) return compiledFrom(context, path)
  const rest = path.replace(outputs, '').replace(/\.[mc]?js$/, '')
  const compiled = await compiledFrom(context, path)
  if (compiled !== null) return compiled
  for (const root of sources) {
    const found = await resolveFile(context, posix.join(root, rest))
    if (found !== null) return found
  }
  // In a monorepo of Nest the sources of an application lie one deeper than what it is built to.
  return (
    (await resolveFile(context, rest)) ??
    (await resolveFile(context, posix.join(posix.dirname(rest), 'src', posix.basename(rest))))
  )
}

/** Node starts what a folder's package.json names as `main`. */
async function fromMain(context: PlannerContext): Promise<string | null> {
  const read = await readManifest(context.tree)
  const main = read !== null && 'manifest' in read ? (read.manifest.main ?? 'index.js') : 'index.js'
  return posix.normalize(main) === '.' ? null : sourceOf(context, main)
}

export interface Module {
  file: string
  list: Word[]
}

/** What was read in a context is read and taken apart once. */
const known = new WeakMap<PlannerContext, Map<string, Promise<Module[]>>>()

/** An entry file and what it imports of its own package, nearest first. Bounded. */
export function modules(context: PlannerContext, entry: string): Promise<Module[]> {
  const mine = known.get(context) ?? new Map<string, Promise<Module[]>>()
  known.set(context, mine)
  const found = mine.get(entry) ?? readModules(context, entry)
  mine.set(entry, found)
  return found
}

/** What a process file of PM2 starts. */
function started(file: string, list: Word[]): string[] {
  const at = /(?:^|\/)(?:ecosystem|pm2|process)[\w.-]*\.[cm]?js(?:on)?$/.test(file) ? valueOf(list, 'script') : -1
  return at >= 0 && list[at]?.type === 'string' ? [`./${list[at].value}`] : []
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
    for (const path of [...importsOf(list), ...started(file, list)])
      for (const lead of await leadsTo(context, file, path)) {
        const next = await resolveFile(context, lead)
        if (next === null) continue
        if (!seen.has(next) && !next.endsWith('.json')) {
          seen.add(next)
          open.push(next)
        }
        break
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
  [/(?:^|\s)probot run(?:\s|$)/, 3000],
]
/** The same of programs that need no subcommand. */
const listening: Record<string, number> = {
  serve: 3000,
  micro: 3000,
  'http-server': 8080,
  sirv: 8080,
  srvx: 3000,
  listhen: 3000,
}

/** The library that opens the server and asks PORT where to listen. */
function asksItself(list: Word[]): string | undefined {
  const library = list.find((word) => word.type === 'string' && /^(?:listhen|srvx)(?:\/|$)/.test(word.value))?.value
  return library !== undefined && opensServer(list) ? library : undefined
}

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
  const there = await elsewhere(context, text)
  if (there === 'outside') return {}
  if (there !== null) return findPort(there.context, there.line, { signal: options.signal })
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
  const known = honouring.find(([pattern]) => pattern.test(text))?.[1]
  const port = options.own ?? known ?? Object.entries(listening).find(([program]) => callsProgram(text, program))?.[1]
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
    // bun serves what an entry file exports, and asks PORT where to listen.
    if (file === start && /(?:^|\s)bun\s/.test(text) && exportsServer(list))
      return { honoured: { port: defaultPort, evidence: fact(context, 'source-text', file, 'export default') } }
    if (read) without ??= { port: defaultPort, evidence: fact(context, 'source-text', file, 'process.env.PORT') }
    const number = listensOn(list)
    const asks = number === undefined ? asksItself(list) : undefined
    if (asks !== undefined)
      without ??= {
        port: defaultPort,
        evidence: fact(context, 'source-text', file, `the server of ${asks} honours PORT`),
      }
    if (number !== undefined) fixed ??= { port: number, evidence: fact(context, 'source-text', file, 'listen', number) }
  }
  if (without) return { honoured: without }
  return fixed ? { fixed } : {}
}
