import type { Instruction } from './instructions.js'
import { jsonList } from './words.js'

/** A path of the build context that an instruction needs. */
export interface Use {
  line: number
  instruction: 'ADD' | 'COPY' | 'RUN'
  /** As it is written. */
  text: string
  /** Relative to the build context; empty for the context itself. */
  path: string
}

/** Where a COPY or a mount takes its files from, and what it takes. */
export interface Taken {
  instruction: Use['instruction']
  /** A stage by name or number, or an image; undefined for the build context. */
  from: string | undefined
  sources: string[]
}

/** The sources of an ADD or COPY, before variables are put in; without here-documents and what lies on other machines. */
export function copied({ name, flags, rest, heredocs }: Instruction): Taken {
  const list = jsonList(rest)
  const all = Array.isArray(list) ? list : rest.split(/\s+/)
  const from = flags.find(([flag]) => flag === 'from')?.[1]
  const sources = heredocs.length === 0 || Array.isArray(list) ? all.slice(0, -1) : withoutHeredocs(all.slice(0, -1))
  return {
    instruction: name === 'ADD' ? 'ADD' : 'COPY',
    from,
    sources: name === 'ADD' ? sources.filter((source) => !isRemote(source)) : sources,
  }
}

const withoutHeredocs = (list: readonly string[]): string[] =>
  list.filter((word, i) => !/^\d*<<-?/.test(word) && !/^\d*<<-?$/.test(list[i - 1] ?? ''))

const isRemote = (source: string): boolean =>
  /^(?:[a-z][a-z0-9+.-]*:\/\/|git@)/i.test(source) || /^github\.com\//.test(source) || /\.git(?:#|$)/.test(source)

export interface Mount {
  type: string
  from?: string
  source?: string
  /** The names under which a secret is asked for. */
  secrets: string[]
}

/** `RUN --mount=type=secret,id=token,env=TOKEN`. */
export function mounts({ flags }: Instruction): Mount[] {
  return flags
    .filter(([flag]) => flag === 'mount')
    .map(([, value]) => {
      const options = new Map(
        value.split(',').map((one): [string, string] => {
          const equals = one.indexOf('=')
          return equals === -1 ? [one, ''] : [one.slice(0, equals).toLowerCase(), one.slice(equals + 1)]
        }),
      )
      const from = options.get('from')
      const source = options.get('source') ?? options.get('src')
      const target = options.get('target') ?? options.get('dst') ?? options.get('destination')
      const id = options.get('id') ?? target?.slice(target.lastIndexOf('/') + 1)
      return {
        type: options.get('type') ?? 'bind',
        ...(from === undefined ? {} : { from }),
        ...(source === undefined ? {} : { source }),
        secrets: [id, options.get('env')].filter((name) => name !== undefined && name !== '') as string[],
      }
    })
}

/** A path as the build context has it: nothing leads out of it. */
export function contextPath(text: string): string {
  const parts: string[] = []
  for (const part of text.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}
