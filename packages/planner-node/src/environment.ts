import { isMark, isName, portOf, type Word } from './sources/text.js'

/** PORT is read from the environment; `port` is what the code takes without it, where it says so. */
export interface PortRead {
  port?: number
}

/** Behind the brackets, the radix and the assertions that close around a read. */
function afterRead(list: Word[], end: number): number {
  let i = end
  for (;;) {
    if (isMark(list[i], ')') || isMark(list[i], '!')) i += 1
    else if (isMark(list[i], ',') && list[i + 1]?.value === '10') i += 2
    else if (isName(list[i], 'as') && list[i + 1]?.type === 'name') i += 2
    else return i
  }
}

/** What stands in for a value that ends at `end`: behind `??` or `||`, in the other branch of `… ? … : 4000`, or last in a list of tries. */
function defaultAfter(list: Word[], end: number): number | undefined {
  const i = afterRead(list, end)
  if (isMark(list[i], '??') || isMark(list[i], '||')) {
    const next = environmentAt(list, i + 1)
    // `process.env.PORT || process.env.APP_PORT || 4000`
    if (next >= 0) return defaultAfter(list, next)
    // `parseInt(process.env.PORT ?? '', 10) || 4000`
    return numberAt(list, i + 1) ?? (list[i + 1]?.type === 'string' ? defaultAfter(list, i + 2) : undefined)
  }
  if (isMark(list[i], ',')) {
    let at = i
    while (isMark(list[at], ',') && isMark(list[at + 2], ',')) at += 2
    return isMark(list[at + 2], ']') ? numberAt(list, at + 1) : undefined
  }
  if (!isMark(list[i], '?')) return undefined
  let level = 0
  for (let at = i + 1; at < Math.min(i + 30, list.length); at++) {
    const word = list[at]
    if (isMark(word, '(') || isMark(word, '?')) level += 1
    else if (level > 0 && isMark(word, ')')) level -= 1
    else if (isMark(word, ':') && level === 0) return numberAt(list, at + 1)
  }
  return undefined
}

/** Where a read of another variable of the environment that begins at `start` ends; -1 where there is none. */
function environmentAt(list: Word[], start: number): number {
  if (!(isName(list[start], 'process') && isMark(list[start + 1], '.') && isName(list[start + 2], 'env'))) return -1
  return isMark(list[start + 3], '[') ? start + 6 : start + 5
}

/** A number, as such, in the brackets of a conversion, or by the name of a constant. */
function numberAt(list: Word[], start: number): number | undefined {
  let i = start
  while ((isName(list[i], 'Number') || isName(list[i], 'parseInt')) && isMark(list[i + 1], '(')) i += 2
  const word = list[i]
  return portOf(word) ?? (word?.type === 'name' ? constant(list, word.value) : undefined)
}

/** The number of `const name = 4000`. */
export function constant(list: Word[], name: string): number | undefined {
  for (let i = 0; i < list.length - 2; i++)
    if (isName(list[i], name) && isMark(list[i + 1], '=')) {
      const port = portOf(list[i + 2])
      if (port !== undefined) return port
    }
  return undefined
}

/** The default of a variable that holds PORT: `port || 3000`, or a number that it is given elsewhere. */
function defaultOfName(list: Word[], name: string): number | undefined {
  for (let i = 0; i < list.length - 2; i++) {
    if (!isName(list[i], name) || isMark(list[i - 1], '.')) continue
    const port = defaultAfter(list, i + 1)
    if (port !== undefined) return port
  }
  return constant(list, name)
}

/** The name that `const name = …` gives to the read that begins at `start`. */
function holderOf(list: Word[], start: number): string | undefined {
  let i = start - 1
  while (isMark(list[i], '(') || isMark(list[i], '+') || isName(list[i], 'Number') || isName(list[i], 'parseInt'))
    i -= 1
  return isMark(list[i], '=') && list[i - 1]?.type === 'name' ? list[i - 1]!.value : undefined
}

/** `{ …, PORT = 3000 } = process.env` with the `=` at `equals`. */
function destructured(list: Word[], equals: number): PortRead | null {
  if (!isMark(list[equals - 1], '}')) return null
  for (let i = equals - 2; i >= 0 && !isMark(list[i], '{'); i--) {
    if (!(isName(list[i], 'PORT') && (isMark(list[i - 1], '{') || isMark(list[i - 1], ',')))) continue
    const named = isMark(list[i + 1], ':')
    const at = named ? i + 3 : i + 1
    const port = isMark(list[at], '=')
      ? portOf(list[at + 1])
      : defaultOfName(list, named ? (list[i + 2]?.value ?? '') : 'PORT')
    return port === undefined ? {} : { port }
  }
  return null
}

const joins = (word: Word | undefined): boolean => isMark(word, '.') || isMark(word, '?.')

/** Is the whole environment given to a name: `const name = process.env`, `const { env } = process`, `name = { ...process.env }`? */
function holders(list: Word[]): Set<string> {
  const out = new Set<string>()
  if (list.some((word) => word.type === 'string' && /^(node:)?process$/.test(word.value))) out.add('env')
  for (let at = 0; at < list.length; at++) {
    if (!isName(list[at], 'process')) continue
    if (isMark(list[at - 1], '=') && isMark(list[at - 2], '}') && isName(list[at - 3], 'env') && !joins(list[at + 1]))
      out.add('env')
    if (!isMark(list[at + 1], '.') || !isName(list[at + 2], 'env') || joins(list[at + 3]) || isMark(list[at + 3], '['))
      continue
    const spread = isMark(list[at - 1], '...') && isMark(list[at - 2], '{') ? at - 2 : at
    if (isMark(list[spread - 1], '=') && list[spread - 2]?.type === 'name') out.add(list[spread - 2]!.value)
  }
  return out
}

/** Where the environment is named: as a member of `process` or `Bun`, or by a name that holds it. */
function environments(list: Word[]): { at: number; start: number }[] {
  const names = holders(list)
  const out: { at: number; start: number }[] = []
  for (let at = 0; at < list.length; at++) {
    if (list[at]!.type !== 'name') continue
    const member = joins(list[at - 1])
    const owner = isName(list[at - 2], 'process') || isName(list[at - 2], 'Bun')
    if (member && owner && isName(list[at], 'env')) out.push({ at, start: at - 2 })
    else if (!member && names.has(list[at]!.value)) out.push({ at, start: at })
  }
  return out
}

/** `z.coerce.number().default(4000).parse(process.env.PORT)` */
function parsed(list: Word[], start: number): number | undefined {
  const called = isMark(list[start - 1], '(') && /^(?:safeP|p)arse$/.test(list[start - 2]?.value ?? '')
  const defaulted = isMark(list[start - 4], ')') && isMark(list[start - 6], '(') && isName(list[start - 7], 'default')
  return called && defaulted ? portOf(list[start - 5]) : undefined
}

/** `process.env.PORT`, `process.env['PORT']`, `{ PORT } = process.env`. */
function direct(list: Word[]): PortRead | null {
  let found: PortRead | null = null
  for (const { at, start } of environments(list)) {
    let end = -1
    if (joins(list[at + 1]) && isName(list[at + 2], 'PORT')) end = at + 3
    else if (isMark(list[at + 1], '[') && list[at + 2]?.type === 'string' && list[at + 2]?.value === 'PORT')
      end = at + 4
    if (end >= 0) {
      if (isMark(list[end], '=')) continue
      const holder = holderOf(list, start)
      const port =
        defaultAfter(list, end) ??
        parsed(list, start) ??
        (holder === undefined ? undefined : defaultOfName(list, holder))
      if (port !== undefined) return { port }
      found ??= {}
    } else {
      const taken = isMark(list[start - 1], '=') ? destructured(list, start - 1) : null
      if (taken?.port !== undefined) return taken
      found ??= taken
    }
  }
  return found
}

/** Packages that check the whole environment against a schema without being handed it. */
const checkers =
  /^(?:@nestjs\/config|ts-dotenv|@fastify\/env|fastify-env|env-schema|convict|env-var|@adonisjs\/core\/env)$/

/** `PORT: z.coerce.number().default(3333)` and its kind, where the whole environment is handed to what checks it. */
function checked(list: Word[]): PortRead | null {
  const whole = environments(list).some(
    ({ at }) => isMark(list[at + 1], ')') || isMark(list[at + 1], ',') || isMark(list[at + 1], '}'),
  )
  if (!whole && !list.some((word) => word.type === 'string' && checkers.test(word.value))) return null
  for (let i = 0; i < list.length - 2; i++) {
    const key = list[i]!
    if (key.value !== 'PORT' || key.type === 'mark') continue
    if (!isMark(list[i + 1], ':')) {
      // convict: `port: { env: 'PORT', default: 8080 }`
      if (key.type === 'string' && isMark(list[i - 1], ':') && isName(list[i - 2], 'env')) return memberDefault(list, i)
      continue
    }
    const end = valueEnd(list, i + 2)
    for (let at = i + 2; at < end; at++) {
      const call = isName(list[at], 'default') && isMark(list[at + 1], '(')
      const member = isName(list[at], 'default') && isMark(list[at + 1], ':')
      const port = call || member ? portOf(list[at + 2]) : undefined
      if (port !== undefined) return { port }
    }
    return {}
  }
  return null
}

/** Where the value that begins at `start` ends: at the comma or the brace of its own object. */
function valueEnd(list: Word[], start: number): number {
  let level = 0
  for (let at = start; at < list.length; at++) {
    const word = list[at]!
    if (word.type !== 'mark') continue
    if (word.value === '(' || word.value === '{' || word.value === '[') level += 1
    else if (word.value === ')' || word.value === '}' || word.value === ']') {
      if (level === 0) return at
      level -= 1
    } else if (word.value === ',' && level === 0) return at
  }
  return list.length
}

/** The `default` in the innermost object around `at`. */
function memberDefault(list: Word[], at: number): PortRead {
  let start = at
  while (start >= 0 && !isMark(list[start], '{')) start -= 1
  for (let i = start; i < list.length && !isMark(list[i], '}'); i++)
    if (isName(list[i], 'default') && isMark(list[i + 1], ':')) {
      const port = portOf(list[i + 2])
      if (port !== undefined) return { port }
    }
  return {}
}

/** `config.get<number>('PORT', 4000)`, `env.int('PORT', 1337)`, `env('PORT')`: what is named after an environment or a configuration. */
function asked(list: Word[]): PortRead | null {
  let found: PortRead | null = null
  const variables = list.some((word) => word.type === 'string' && word.value === 'env-var')
  for (let i = 2; i < list.length; i++) {
    if (list[i]!.type !== 'string' || list[i]!.value !== 'PORT' || !isMark(list[i - 1], '(')) continue
    let at = i - 2
    if (isMark(list[at], '>')) {
      while (at > 0 && !isMark(list[at], '<')) at -= 1
      at -= 1
    }
    let named = variables && isName(list[at], 'get')
    while (at >= 0 && list[at]?.type === 'name') {
      named ||= /env|conf/i.test(list[at]!.value)
      at -= isMark(list[at - 1], '.') || isMark(list[at - 1], '?.') ? 2 : 1
      if (list[at + 1]?.type === 'name') break
    }
    // `app.get(ConfigService).get('PORT')` has its name in the brackets before.
    if (!named && isMark(list[at], ')')) named = list[at - 1]?.type === 'name' && /env|conf/i.test(list[at - 1]!.value)
    if (!named) continue
    const given = isMark(list[i + 1], ',') ? numberAt(list, i + 2) : undefined
    let end = i + 1
    while (end < list.length && !isMark(list[end], ')')) end += 1
    const chained =
      isMark(list[end + 1], '.') && isName(list[end + 2], 'default')
        ? portOf(list[end + 4])
        : defaultAfter(list, end + 1)
    const port = given ?? chained
    if (port !== undefined) return { port }
    found ??= {}
  }
  return found
}

/** Does the code read PORT from the environment, and what stands in for it? */
export function readsPort(list: Word[]): PortRead | null {
  let found: PortRead | null = null
  for (const way of [direct, checked, asked]) {
    const read = way(list)
    if (read?.port !== undefined) return read
    found ??= read
  }
  return found
}
