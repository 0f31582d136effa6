import { StringDecoder } from 'node:string_decoder'
import { maxLogLineBytes } from './events.js'

/** Makes lines of chunks. A line longer than the limit is cut, and what follows up to its end is dropped: memory stays bounded. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #cut = false

  constructor(readonly onLine: (text: string) => void) {}

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk))
  }

  end(): void {
    this.#take(this.#decoder.end())
    if (this.#rest !== '' || this.#cut) this.#emit()
  }

  #take(text: string): void {
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#add(text.slice(from, at))
      this.#emit()
      from = at + 1
    }
    this.#add(text.slice(from))
  }

  #add(part: string): void {
    if (this.#cut || part === '') return
    this.#rest += part
    if (this.#rest.length < maxLogLineBytes / 4 || Buffer.byteLength(this.#rest) <= maxLogLineBytes) return
    this.#rest = cutLine(this.#rest)
    this.#cut = true
  }

  #emit(): void {
    const text = this.#rest
    this.#rest = ''
    this.#cut = false
    this.onLine(text.endsWith('\r') ? text.slice(0, -1) : text)
  }
}

/** At most the limit, never within a character. */
export function cutLine(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxLogLineBytes) return text
  let end = maxLogLineBytes
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

/** The last lines, for results and errors. */
export class LastLines {
  readonly lines: string[] = []

  constructor(readonly most = 50) {}

  push(text: string): void {
    this.lines.push(text)
    if (this.lines.length > this.most) this.lines.shift()
  }
}
