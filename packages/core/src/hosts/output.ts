import { StringDecoder } from 'node:string_decoder'

/** The end of a stream, never more of it in memory than twice the limit. */
export class Tail {
  #chunks: Buffer[] = []
  #bytes = 0
  #cut = false

  /** `most`: kept bytes. */
  constructor(readonly most: number) {}

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes > this.most * 2) this.#trim()
  }

  /** As text. Where the beginning was cut within a character, the text begins at the next one. */
  text(): string {
    this.#trim()
    const bytes = Buffer.concat(this.#chunks)
    let from = 0
    while (this.#cut && from < 3 && ((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1
    return bytes.toString('utf8', from)
  }

  #trim(): void {
    if (this.#bytes <= this.most) return
    const kept = this.most === 0 ? Buffer.alloc(0) : Buffer.concat(this.#chunks).subarray(-this.most)
    // A copy: a view would hold on to all that was there.
    this.#chunks = [Buffer.from(kept)]
    this.#bytes = kept.length
    this.#cut = true
  }
}

const mostLineLength = 1024 * 1024

/** Makes lines of chunks. A longer line than the limit comes in pieces: memory stays bounded and nothing is lost. */
export class Lines {
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (text: string) => void
  #rest = ''

  constructor(onLine: (text: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk))
  }

  end(): void {
    this.#take(this.#decoder.end())
    if (this.#rest !== '') this.#emit(this.#rest)
  }

  #take(text: string): void {
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const line = this.#rest + text.slice(from, at)
      this.#emit(line.endsWith('\r') ? line.slice(0, -1) : line)
      from = at + 1
    }
    this.#rest += text.slice(from)
    if (this.#rest.length >= mostLineLength) this.#emit(this.#rest)
  }

  #emit(text: string): void {
    this.#rest = ''
    this.#onLine(text)
  }
}
