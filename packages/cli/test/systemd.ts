/**
 * The words of a command line as systemd reads them, written down from its manual: quotes, escapes of C, specifiers, and in arguments
 * variables, of which none is set.
 */
export function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/gs)].map(([, quoted, bare = '']) => quoted ?? bare)
  return words.map((word, index) => {
    const text = unescaped(word).replace(/%(.)/gs, (_all, letter) => (letter === '%' ? '%' : `<specifier ${letter}>`))
    return index === 0 ? text : text.replace(/\$(\$|\{\w*\}|\w+)/g, (_all, name) => (name === '$' ? '$' : ''))
  })
}

const named: Record<string, string> = { n: '\n', t: '\t', r: '\r' }
const unescaped = (word: string): string =>
  word.replace(/\\(?:x([0-9a-f]{2})|(.))/gs, (_all, hex: string | undefined, letter: string) =>
    hex === undefined ? (named[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  )

/** The settings of a unit by name; the last one counts. */
export function settingsOf(unit: string): Record<string, string> {
  return Object.fromEntries(
    unit.split('\n').flatMap((line) => {
      const at = line.indexOf('=')
      return line.startsWith('#') || at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]]
    }),
  )
}
