import { words } from './words.js'

/** What a builder would refuse, at a line of the file counted from 1. */
export interface Fault {
  line: number
  message: string
  /** What to write instead, where that is known. */
  fix?: string
  /** The profile field that mends it, with an example. */
  override?: { profileField: string; example: string }
}

/** An instruction with its continuation lines joined. */
export interface Line {
  line: number
  text: string
  /** The ends of the here-documents that it opens. */
  heredocs: string[]
}

export interface Lines {
  escape: string
  /** The image named by `# syntax`. */
  syntax?: string
  lines: Line[]
  faults: Fault[]
}

const blank = (text: string): boolean => text.trim() === ''
const isComment = (text: string): boolean => text.trimStart().startsWith('#')

/** Joins the lines of a Dockerfile to instructions: directives, comments, continuations with comments in between, here-documents. */
export function readLines(text: string): Lines {
  const rows = text.replace(/^\uFEFF/, '').split('\n')
  const { escape, syntax, faults } = readDirectives(rows)
  const lines: Line[] = []
  for (let i = 0; i < rows.length; i++) {
    const first = withoutReturn(rows[i]!).trimStart()
    if (blank(first) || first.startsWith('#')) continue
    const line = i + 1
    const parts: string[] = []
    let next = unfinished(first, escape)
    parts.push(next ?? first)
    while (next !== null && i + 1 < rows.length) {
      i += 1
      const row = withoutReturn(rows[i]!)
      if (isComment(row) || blank(row)) continue
      next = unfinished(row, escape)
      parts.push(next ?? row)
    }
    const joined = parts.join('')
    if (blank(joined)) continue
    const heredocs = heredocsOf(joined, escape)
    for (const end of heredocs) {
      const at = closing(rows, i + 1, end)
      if (at === -1) faults.push({ line, message: `the here-document ${shown(end.name)} has no end`, fix: end.name })
      i = at === -1 ? rows.length : at
    }
    lines.push({ line, text: joined, heredocs: heredocs.map(({ name }) => name) })
  }
  return { escape, ...(syntax === undefined ? {} : { syntax }), lines, faults }
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 60))
const withoutReturn = (row: string): string => (row.endsWith('\r') ? row.slice(0, -1) : row)

/** The row without its escape character where it goes on in the next one. Two of them mean the character itself. */
function unfinished(row: string, escape: string): string | null {
  let end = row.length
  while (row[end - 1] === ' ' || row[end - 1] === '\t') end -= 1
  if (row[end - 1] !== escape || row[end - 2] === escape) return null
  return row.slice(0, end - 1)
}

/** `# escape=` and `# syntax=` stand before everything else: the first other line ends them. */
function readDirectives(rows: readonly string[]): { escape: string; syntax?: string; faults: Fault[] } {
  const faults: Fault[] = []
  const found = new Map<string, string>()
  for (const [index, row] of rows.entries()) {
    if (index === 0 && row.startsWith('#!')) continue
    const [name, value] = directive(row)
    if (name === undefined || value === undefined) break
    const line = index + 1
    if (found.has(name)) faults.push({ line, message: `there is a second # ${name} directive` })
    found.set(name, value)
    if (name === 'escape' && value !== '\\' && value !== '`') {
      faults.push({ line, message: `${shown(value)} cannot be the escape character`, fix: '# escape=`' })
    }
  }
  const syntax = found.get('syntax')
  return { escape: found.get('escape') === '`' ? '`' : '\\', ...(syntax === undefined ? {} : { syntax }), faults }
}

function directive(row: string): [name: string, value: string] | [] {
  const text = row.trim()
  const equals = text.indexOf('=')
  if (!text.startsWith('#') || equals === -1) return []
  const name = text.slice(1, equals).trim().toLowerCase()
  const value = text.slice(equals + 1).trim()
  return ['escape', 'syntax', 'check'].includes(name) && value !== '' ? [name, value] : []
}

interface Heredoc {
  name: string
  /** Leading tabs before the end are left out. */
  tabs: boolean
}

/** `<<EOF`, `<<-EOF`, `3<<"EOF"`; also `<< EOF`. Only where a builder looks for them. */
function heredocsOf(text: string, escape: string): Heredoc[] {
  if (!text.includes('<<')) return []
  const opening = /^(?:onbuild\s+)?(?:add|copy|run)\s+/i.exec(text)
  if (opening === null || text.slice(opening[0].length).startsWith('[')) return []
  const found: Heredoc[] = []
  const list = words(text, escape, { raw: true })
  for (let i = 0; i < list.length; i++) {
    const match = /^\d*<<(-?)([^<]*)$/.exec(list[i]!)
    if (match === null) continue
    const word = match[2] === '' ? (list[i + 1] ?? '') : match[2]!
    const [name = ''] = words(word, escape)
    if (name !== '') found.push({ name, tabs: match[1] === '-' })
  }
  return found
}

function closing(rows: readonly string[], from: number, { name, tabs }: Heredoc): number {
  for (let i = from; i < rows.length; i++) {
    const row = withoutReturn(rows[i]!)
    if ((tabs ? row.replace(/^\t+/, '') : row) === name) return i
  }
  return -1
}
