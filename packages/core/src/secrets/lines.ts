import { maxLogLineBytes } from '../spec/events.js'
import type { Finder } from './finder.js'
import { mark, type RedactedStream } from './stream.js'

/** The lines of one output, redacted as a whole: a secret of several lines, or broken into lines, is found. */
export interface RedactedLines {
  /** The lines that can be told by now. Only those that may be the beginning of a secret are held back, until the next one comes. */
  write(line: string): string[]
  /** The rest. */
  end(): string[]
}

/** As long as lines get before they are cut, within a character if need be. */
const isCut = (line: string): boolean =>
  line.length >= maxLogLineBytes / 4 && Buffer.byteLength(line) >= maxLogLineBytes - 3

/** `cut`: the output did not begin with the first line. */
export function toLines(stream: RedactedStream, all: Finder, cut: boolean): RedactedLines {
  let inside = cut
  let rest = ''
  const whole = (text: string): string[] => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    return lines
  }
  return {
    write(line) {
      let text = line
      if (inside) {
        const { length, goesOn } = all.endOf(line)
        if (length > 0) text = mark + line.slice(length)
        inside = goesOn
      }
      let out = stream.write(text)
      if (isCut(line)) {
        out += stream.cut()
        inside = true
      }
      return whole(out + stream.write('\n'))
    },
    end() {
      const lines = whole(stream.end())
      if (rest !== '') lines.push(rest)
      rest = ''
      return lines
    },
  }
}
