import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** Where text comes from. */
export interface Input {
  readonly isTTY: boolean
  /** Everything until the end, without one closing line break. */
  readAll(): Promise<string>
  /** Asks on the terminal without showing what is typed. */
  askHidden(question: string): Promise<string>
}

export function streamInput(stream: NodeJS.ReadableStream & { isTTY?: boolean }, show: (text: string) => void): Input {
  return {
    isTTY: stream.isTTY === true,
    async readAll() {
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(Buffer.from(chunk))
      return Buffer.concat(chunks)
        .toString('utf8')
        .replace(/\r?\n$/, '')
    },
    askHidden(question) {
      // readline echoes to its output: this one swallows the echo.
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
      const reader = createInterface({ input: stream, output: silent, terminal: true })
      show(question)
      return new Promise((resolve, reject) => {
        let answered = false
        reader.once('SIGINT', () => reader.close())
        reader.once('close', () => {
          show('\n')
          if (!answered) reject(new Error('no answer'))
        })
        reader.question('', (answer) => {
          answered = true
          reader.close()
          resolve(answer)
        })
      })
    },
  }
}
