import type { Output } from '../io/output.js'
import { clearDown, clearLine, cursorUp } from './ansi.js'

/** Some lines at the end of a terminal that are drawn again in place. Each must fit into one row. */
export class Frame {
  readonly #output: Output
  #lines: readonly string[] = []

  constructor(output: Output) {
    this.#output = output
  }

  /** Replaces what is shown. Nothing is written where nothing changed. */
  draw(lines: readonly string[]): void {
    if (lines.length === this.#lines.length && lines.every((line, index) => line === this.#lines[index])) return
    const text = lines.map((line) => `${clearLine}${line}\n`).join('')
    this.#output.write(`\r${cursorUp(this.#lines.length)}${text}${clearDown}`)
    this.#lines = [...lines]
  }

  /** Prints lines that stay, above the frame. */
  above(lines: readonly string[]): void {
    const shown = this.#lines
    const text = lines.map((line) => `${clearLine}${line}\n`).join('')
    this.#output.write(`\r${cursorUp(shown.length)}${text}${clearDown}`)
    this.#lines = []
    this.draw(shown)
  }

  /** Lets what is shown stay as it is. */
  keep(): void {
    this.#lines = []
  }
}
