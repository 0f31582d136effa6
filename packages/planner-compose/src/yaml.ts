import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml'
import type { Budget } from './budget.js'
import { limits } from './options.js'
import { ComposeProblem, type Place, quoted } from './problem.js'
import { list, type Mapping, mapping, type Node, nothing, type Scalar } from './tree.js'
import { holdsMarks } from './variables.js'

type Parsed = Document.Parsed['contents']

/**
 * The documents of a YAML text. Anchors, aliases and merge keys (`<<`) are resolved, so that a text of a few lines can stand for many nodes:
 * the nodes are shared, and counted against the budget. Errors name a line and no content of the file.
 */
export function parseYaml(source: string, file: string, budget: Budget): Mapping[] {
  const lines = new LineCounter()
  const place = (offset: number): Place => ({ file, line: lines.linePos(offset).line || 1 })
  // The library checks doubled keys in quadratic time and finds the anchor of each alias anew: both are done here.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', schema: 'core' })
  const docs: Document.Parsed[] = []
  for (const token of parse(source, file, lines, budget)) {
    // The first error is told, and the rest not even looked for: there may be as many as characters.
    if (token.type === 'error') throw notYaml(token.message, place(token.offset))
    for (const doc of composer.next(token)) docs.push(checked(doc, place))
  }
  for (const doc of composer.end(false, source.length)) docs.push(checked(doc, place))
  return docs.map((doc) => {
    const root = doc.contents === null ? null : new Converter(place, budget).convert(doc.contents, undefined, 0)
    if (root?.kind === 'map') return root
    throw new ComposeProblem('The file is not a mapping with `services`.', root?.at ?? { file })
  })
}

/** The tokens of the text, as long as they nest no deeper than the parser can bear: it recurses, and a stack that overflows there ends the process. */
function* parse(source: string, file: string, lines: LineCounter, budget: Budget) {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  let flow = 0
  let inLine = 0
  // Keys whose value is a key again: no list of them is long in a file that means something.
  let chain = 0
  let line = 1
  for (const lexeme of new Lexer().lex(source)) {
    const at = { file, line }
    budget.spend('tokens', 1, at)
    if (lexeme === '[' || lexeme === '{') flow += 1
    else if (lexeme === ']' || lexeme === '}') flow = Math.max(0, flow - 1)
    else if (lexeme === '-' || lexeme === '?') inLine += 1
    else if (lexeme === '\n' || lexeme === '\r\n') inLine = 0
    if (lexeme === ':') chain += 1
    else if (/^(?:[[\]{},]|\r?\n)$/.test(lexeme)) chain = 0
    const deep = lexeme.length > limits.indent && /^[ \t]+$/.test(lexeme)
    if (deep || flow > limits.depth || inLine > limits.depth || chain > limits.depth)
      throw new ComposeProblem(tooDeep, at)
    for (let i = lexeme.indexOf('\n'); i !== -1; i = lexeme.indexOf('\n', i + 1)) line += 1
    yield* parser.next(lexeme)
  }
  yield* parser.end()
}

const tooDeep = `Mappings and lists are nested more than ${limits.depth} deep.`

function checked(doc: Document.Parsed | Document, place: (offset: number) => Place): Document.Parsed {
  const [error] = [...doc.errors].sort((one, other) => one.pos[0] - other.pos[0])
  if (error !== undefined) throw notYaml(error.message, place(error.pos[0]))
  return doc as Document.Parsed
}

// What follows a colon in the library's messages is quoted from the file, where a password may stand.
const notYaml = (message: string, at: Place) =>
  new ComposeProblem(`This is not YAML: ${message.replace(/:\s[\s\S]*$/, '')}.`, at)

class Converter {
  private readonly anchors = new Map<string, Node | null>()

  constructor(
    private readonly place: (offset: number) => Place,
    private readonly budget: Budget,
  ) {}

  convert(node: NonNullable<Parsed> | null, key: Place | undefined, depth: number): Node {
    if (node === null) return nothing(key ?? this.place(0))
    const own = this.place(node.range?.[0] ?? 0)
    const at = key ?? own
    if (depth > limits.depth) throw new ComposeProblem(tooDeep, own)
    if (isAlias(node)) return this.alias(node.source, at)
    const { anchor } = node
    if (anchor !== undefined) this.anchors.set(anchor, null)
    this.budget.spend('nodes', 1, at)
    const plain = this.content(node, at, depth)
    const tag = node.tag === '!reset' ? 'reset' : node.tag === '!override' ? 'override' : undefined
    const converted: Node = tag === undefined ? plain : { ...plain, tag }
    if (anchor !== undefined) this.anchors.set(anchor, converted)
    return converted
  }

  private alias(name: string, at: Place): Node {
    const target = this.anchors.get(name)
    if (target === undefined) throw new ComposeProblem(`There is no anchor ${quoted(name)} above this alias.`, at)
    if (target === null) throw new ComposeProblem(`The anchor ${quoted(name)} contains an alias of itself.`, at)
    this.budget.spend('nodes', target.size, at)
    return { ...target, at }
  }

  private content(node: NonNullable<Parsed>, at: Place, depth: number): Node {
    if (isSeq(node))
      return list(
        node.items.map((item) => this.convert(item as NonNullable<Parsed> | null, undefined, depth + 1)),
        at,
      )
    if (isMap(node)) return this.map(node.items as Pair[], at, depth)
    return scalar(isScalar(node) ? node.value : null, isScalar(node) ? node.source : undefined, at)
  }

  private map(pairs: readonly Pair[], at: Place, depth: number): Mapping {
    const entries = new Map<string, Node>()
    const merged: Mapping[] = []
    const seen = new Set<string>()
    for (const { key, value } of pairs) {
      const where = this.place(key?.range?.[0] ?? value?.range?.[0] ?? 0)
      const name = isScalar(key) ? key.value : undefined
      if (typeof name !== 'string') throw new ComposeProblem('A key is not a text; put it in quotes.', where)
      if (seen.has(name)) throw new ComposeProblem(`The key ${quoted(name)} stands twice in one mapping.`, where)
      seen.add(name)
      const converted = this.convert(value, where, depth + 1)
      if (name === '<<' && isScalar(key) && key.type === 'PLAIN') merged.push(...mergedBy(converted))
      else entries.set(name, converted)
    }
    // The mapping's own keys win, then the first of the merged ones.
    for (const { entries: more } of merged)
      for (const [name, value] of more) if (!entries.has(name)) entries.set(name, value)
    return mapping(entries, at)
  }
}

interface Pair {
  key: NonNullable<Parsed> | null
  value: NonNullable<Parsed> | null
}

function mergedBy(node: Node): Mapping[] {
  if (node.kind === 'map') return [node]
  if (node.kind === 'list' && node.items.every((item) => item.kind === 'map')) return [...node.items] as Mapping[]
  throw new ComposeProblem('The merge key << takes a mapping or a list of mappings.', node.at)
}

function scalar(value: unknown, source: string | undefined, at: Place): Scalar {
  // Escapes in quotes can write them where the text of the file has none.
  if (typeof value === 'string' && holdsMarks(value))
    throw new ComposeProblem('The file holds characters that no text may hold.', at)
  const known = typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' ? value : null
  const text = typeof known === 'string' ? known : (source ?? String(known ?? ''))
  return { kind: 'scalar', value: known, text, at, size: 1 }
}
