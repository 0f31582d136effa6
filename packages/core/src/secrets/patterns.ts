import { bufferForm, encodingsOf } from './encodings.js'

/** Values and lines of values below this many UTF-16 units are not looked for: they would be found in every other word. */
export const shortestSecret = 4
/** What is broken into lines is longer. */
const shortestBroken = 16

/** The texts that stand for a value, or for a part of it that tells enough. */
function partsOf(value: string): string[] {
  const lines = value.split(/\r\n|[\n\r]/)
  return [
    value,
    value.replaceAll('\r\n', '\n'),
    value.replace(/\r?\n/g, '\r\n'),
    ...lines,
    // Its lines in one: by a program, and by a shell that was given it without quotes.
    lines.join(''),
    value.trim().split(/\s+/).join(' '),
  ].map(trimmed)
}

/** Space at the ends is no secret, and often lost. */
function trimmed(text: string): string {
  const inner = text.trim()
  return inner.length >= shortestSecret || inner === '' ? inner : text
}

/** Everything to look for. `dense`: also where line breaks were put into it. */
export function patternsOf(values: Iterable<string>): { all: Set<string>; dense: Set<string> } {
  const all = new Set<string>()
  const dense = new Set<string>()
  for (const value of values) {
    // Space at its beginning takes the place of as many of the bytes that are shown.
    if (/^\s/.test(value) && value.trim().length >= shortestSecret) all.add(bufferForm(Buffer.from(value)))
    for (const part of new Set(partsOf(value))) {
      if (part.length < shortestSecret) continue
      const forms = encodingsOf(part)
      for (const form of forms.all) if (form.length >= shortestSecret) all.add(form)
      for (const form of forms.dense) if (form.length >= shortestBroken) dense.add(form)
    }
  }
  return { all, dense }
}
