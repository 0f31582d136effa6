export const isSpace = (char: string): boolean => /\s/.test(char)

/**
 * Splits at white space outside of quotes. Quotes and escapes are taken away unless `raw`. An open quote ends with the text.
 */
export function words(text: string, escape: string, { raw = false }: { raw?: boolean } = {}): string[] {
  const out: string[] = []
  let word = ''
  let inWord = false
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (quote === '' && isSpace(char)) {
      if (inWord) out.push(word)
      word = ''
      inWord = false
      continue
    }
    inWord = true
    if (char === escape && quote !== "'" && i + 1 < text.length) {
      i += 1
      const kept = raw || (quote === '"' && text[i] !== '"' && text[i] !== '$' && text[i] !== escape)
      word += (kept ? char : '') + text[i]
    } else if (char === quote) {
      quote = ''
      if (raw) word += char
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      if (raw) word += char
    } else {
      word += char
    }
  }
  if (inWord) out.push(word)
  return out
}

/** The options `--name` and `--name=value` at the beginning, and what follows them. */
export function splitFlags(text: string): { flags: [name: string, value: string][]; rest: string } {
  const flags: [string, string][] = []
  let rest = text.trimStart()
  while (rest.startsWith('--')) {
    const end = endOfFlag(rest)
    const flag = rest.slice(2, end)
    rest = rest.slice(end).trimStart()
    if (flag === '') break
    const equals = flag.indexOf('=')
    if (equals === -1) flags.push([flag, ''])
    else flags.push([flag.slice(0, equals), flag.slice(equals + 1).replace(/^(["'])(.*)\1$/s, '$2')])
  }
  return { flags, rest: rest.trim() }
}

function endOfFlag(text: string): number {
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (quote === '' && isSpace(char)) return i
    if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) quote = char
  }
  return text.length
}

/** A list of strings in JSON; null where the text is none, so that it is for the shell; `mixed` where not all of it are strings. */
export function jsonList(text: string): string[] | 'mixed' | null {
  if (!text.startsWith('[')) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(value)) return null
  return value.every((one): one is string => typeof one === 'string') ? value : 'mixed'
}
