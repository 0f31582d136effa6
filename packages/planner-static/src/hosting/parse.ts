/** JSON with comments and commas at the end, as configuration files are written. Throws what JSON.parse throws. */
export function parseJsonc(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return JSON.parse(plain(text))
  }
}

function plain(text: string): string {
  const parts: string[] = []
  // The last comma, while nothing but white space and comments stands behind it: before a closing bracket it goes.
  let comma = -1
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    const next = text[at + 1]
    if (char === '/' && next === '/') {
      const end = text.indexOf('\n', at)
      at = end < 0 ? text.length : end
      continue
    }
    if (char === '/' && next === '*') {
      const end = text.indexOf('*/', at + 2)
      at = end < 0 ? text.length : end + 2
      continue
    }
    const end = char === '"' ? endOfString(text, at) : at + 1
    if ((char === '}' || char === ']') && comma >= 0) parts[comma] = ''
    if (char === ',') comma = parts.length
    else if (!/\s/.test(char)) comma = -1
    parts.push(text.slice(at, end))
    at = end
  }
  return parts.join('')
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

/** A table of TOML; its parser is loaded where there is such a file. Throws what the parser throws. */
export async function parseToml(text: string): Promise<unknown> {
  const { parse } = await import('smol-toml')
  return parse(text)
}
