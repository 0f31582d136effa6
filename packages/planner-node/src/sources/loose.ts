import jsTokens from 'js-tokens'
import { limits } from '../options.js'

/**
 * JSON as configuration files have it: comments, trailing commas, single quotes and bare keys are let pass (JSON with comments, JSON5).
 * Undefined where it is none. Evaluates nothing, never throws.
 */
export function looseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    if (text.length > limits.looseCharacters) return undefined
  }
  const out: string[] = []
  for (const { type, value, ...rest } of jsTokens(text)) {
    if (/^(?:MultiLineComment|SingleLineComment|HashbangComment|WhiteSpace|LineTerminatorSequence)$/.test(type))
      continue
    if (type === 'Punctuator' && (value === '}' || value === ']') && out.at(-1) === ',') out.pop()
    if (type === 'StringLiteral') {
      if (!('closed' in rest) || !rest.closed) return undefined
      out.push(value.startsWith("'") ? quoted(value.slice(1, -1)) : value)
    } else if (type === 'IdentifierName' && !['true', 'false', 'null'].includes(value)) out.push(JSON.stringify(value))
    else out.push(value)
  }
  try {
    return JSON.parse(out.join(' '))
  } catch {
    return undefined
  }
}

const quoted = (inner: string): string => `"${inner.replace(/\\'/g, "'").replace(/"/g, '\\"')}"`
