import { stripVTControlCharacters } from 'node:util'

// Escape codes of a build must not reach the terminal: they could move the cursor, or lie about what was printed.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** One line of foreign text, safe to show. */
export const clean = (text: string): string =>
  stripVTControlCharacters(text).replaceAll('\t', '    ').replaceAll('\n', ' ').replace(controls, '')

/** Columns that a character takes: enough for East Asian text and emoji, which is what goes wrong in practice. */
function widthOf(codePoint: number): number {
  if (codePoint >= 0x300 && codePoint <= 0x36f) return 0
  if (codePoint === 0x200b || codePoint === 0x200d || (codePoint >= 0xfe00 && codePoint <= 0xfe0f)) return 0
  const wide =
    (codePoint >= 0x1100 && codePoint <= 0x115f) ||
    (codePoint >= 0x2e80 && codePoint <= 0xa4cf) ||
    (codePoint >= 0xac00 && codePoint <= 0xd7a3) ||
    (codePoint >= 0xf900 && codePoint <= 0xfaff) ||
    (codePoint >= 0xfe30 && codePoint <= 0xfe6f) ||
    (codePoint >= 0xff00 && codePoint <= 0xff60) ||
    (codePoint >= 0xffe0 && codePoint <= 0xffe6) ||
    (codePoint >= 0x1f300 && codePoint <= 0x1faff) ||
    (codePoint >= 0x20000 && codePoint <= 0x3fffd)
  return wide ? 2 : 1
}

/** Visible columns of a text that may hold colours. */
export function width(text: string): number {
  let columns = 0
  for (const character of stripVTControlCharacters(text)) columns += widthOf(character.codePointAt(0) as number)
  return columns
}

/** The text, or as much of it as fits, with an ellipsis. Plain text alone. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text
  let taken = ''
  let used = 0
  for (const character of text) {
    const next = widthOf(character.codePointAt(0) as number)
    if (used + next > columns - 1) break
    taken += character
    used += next
  }
  return `${taken}…`
}

export const pad = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - width(text)))

/** 812 ms, 3.4 s, 2 min 5 s. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** A value as it is written in one line. */
export function inline(value: unknown): string {
  if (typeof value === 'string') return clean(value)
  return clean(JSON.stringify(value) ?? String(value))
}

/** A command as a person would type it. */
export function commandLine(command: string | readonly string[]): string {
  if (typeof command === 'string') return clean(command)
  return clean(
    command.map((part) => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`)).join(' '),
  )
}

/** Columns as wide as their widest cell, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, width(cell))
    })
  }
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : pad(cell, widths[index] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
