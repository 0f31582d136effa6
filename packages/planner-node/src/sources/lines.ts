import semver from 'semver'
import { limits } from '../options.js'

/** The lines of a settings file without comments and white space around them. A line that nobody wrote by hand counts as empty. */
export function linesIn(text: string): string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|[\r\n\u2028\u2029]/, 5000)
    .map((line) => {
      if (line.length > limits.lineCharacters) return ''
      const hash = line.search(/(?:^|\s)#/)
      return (hash < 0 ? line : line.slice(0, hash)).trim()
    })
}

/** Is it a version or a range of versions? */
export const isRange = (text: string): boolean => text.length <= 200 && semver.validRange(text) !== null
