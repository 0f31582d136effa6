import type { Command } from '@appaloft/core/spec'

/** What a fake command does. Words that mean nothing are skipped, so any real command works and does its default. */
export interface FakeScript {
  /** Milliseconds before it does anything. */
  delay: number
  /** Lines it prints first; `print=a,b`. */
  print: string[]
  /** Print NAME=value of these variables; `env=A,B`. */
  env: string[]
  /** Print `names=` and the names of all variables, sorted. */
  names: boolean
  /** Of a server: printed when it is asked to end. */
  bye: string | null
  /** Of a command: how it ends. */
  exitCode: number
  /** Of a server: it dies after so many milliseconds (with `exit-code`). */
  exitAfter: number | null
  /** Of a server: it listens after so many milliseconds; null: never. */
  listenAfter: number | null
  /** Of a server: it listens on another port than it was given. */
  wrongPort: boolean
  status: number
  text: string
  /** Milliseconds before each answer. */
  slow: number
  /** Of a server: SIGTERM does nothing, so that a stop takes the whole grace. */
  ignoreSigterm: boolean
}

/** `serve status=500 text=hello exit-after=1000 exit-code=3 listen=never wrong-port slow=50 ignore-sigterm delay=20 print=a,b`. */
export function parseScript(command: Command | undefined): FakeScript {
  const words = (typeof command === 'string' ? command.split(/\s+/) : (command ?? [])).map((word) => {
    const at = word.indexOf('=')
    return at < 0 ? ([word, ''] as const) : ([word.slice(0, at), word.slice(at + 1)] as const)
  })
  const value = (name: string) => words.find(([word]) => word === name)?.[1]
  const number = (name: string, otherwise: number) => {
    const text = value(name)
    return text === undefined || text === '' ? otherwise : Number(text)
  }
  return {
    delay: number('delay', 0),
    print: value('print')?.split(',') ?? [],
    env: value('env')?.split(',') ?? [],
    names: value('names') !== undefined,
    bye: value('bye') ?? null,
    exitCode: value('fail') !== undefined ? 1 : number('exit-code', 0),
    exitAfter: value('exit-after') === undefined ? null : number('exit-after', 0),
    listenAfter: value('listen') === 'never' ? null : number('listen-after', 0),
    wrongPort: value('wrong-port') !== undefined,
    status: number('status', 200),
    text: value('text') ?? 'ok',
    slow: number('slow', 0),
    ignoreSigterm: value('ignore-sigterm') !== undefined,
  }
}

/** What a script prints, in its order. */
export function printedLines(script: FakeScript, environment: Readonly<Record<string, string>>): string[] {
  const names = script.names ? [`names=${Object.keys(environment).sort().join(',')}`] : []
  return [...script.print, ...names, ...script.env.map((name) => `${name}=${environment[name] ?? ''}`)]
}
