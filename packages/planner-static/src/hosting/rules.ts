/** What a static host can be told. In the order in which it is named to people. */
const words = {
  redirect: ['redirect', 'redirects'],
  rewrite: ['rewrite', 'rewrites'],
  proxy: ['proxied path', 'proxied paths'],
  header: ['header rule', 'header rules'],
  'error-page': ['error page', 'error pages'],
  access: ['access rule', 'access rules'],
  'mime-type': ['MIME type', 'MIME types'],
  index: ['directory index', 'directory indexes'],
  'trailing-slash': ['rule for trailing slashes', 'rules for trailing slashes'],
  function: ['function', 'functions'],
  'edge-function': ['edge function', 'edge functions'],
  plugin: ['build plugin', 'build plugins'],
  build: ['build command', 'build commands'],
  unreadable: ['part that cannot be read', 'parts that cannot be read'],
} as const

export type Kind = keyof typeof words
export const kinds = Object.keys(words) as Kind[]

/** What a file of another static host says, as far as it matters here. */
export class HostRules {
  /** What says that unknown paths get index.html. */
  fallback: string | undefined
  /** The directory that it publishes, relative to the base directory. */
  publish: string | undefined
  /** The command that writes it. */
  build: string | undefined
  readonly #ignored = new Map<Kind, number>()

  /** `file` is relative to the base directory. */
  constructor(readonly file: string) {}

  /** Counts what the static server does not apply. */
  ignore(kind: Kind, count = 1): void {
    if (count > 0) this.#ignored.set(kind, (this.#ignored.get(kind) ?? 0) + count)
  }

  get ignored(): [Kind, number][] {
    return kinds.flatMap((kind): [Kind, number][] => {
      const count = this.#ignored.get(kind)
      return count === undefined ? [] : [[kind, count]]
    })
  }

  /** One sentence; null where everything is applied. */
  get sentence(): string | null {
    const parts = this.ignored.map(([kind, count]) => `${count} ${words[kind][count === 1 ? 0 : 1]}`)
    const [only] = this.ignored
    if (only === undefined) return null
    const listed = parts.length === 1 ? parts[0] : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
    return `${this.file}: ${listed} ${parts.length === 1 && only[1] === 1 ? 'is' : 'are'} not applied.`
  }
}

type Fields = Readonly<Record<string, unknown>>

export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
export const countOf = (value: unknown): number => listOf(value).length || Object.keys(fieldsOf(value)).length

const whole = new Set(['*', '/*', '**', '/**', '(.*)', '/(.*)', '/.*', '^/(.*)$', '^/.*$', '/:path*', '/:path(.*)'])

/** Does a pattern match every path, but for those that it excepts at its beginning? */
export const everything = (pattern: string | undefined): boolean =>
  pattern !== undefined && (whole.has(pattern) || /^\^?\/?\(\(\?!.{1,500}\)\.\*\)\$?$/.test(pattern))

/** Is it the page of the site's root? */
export const isIndex = (target: string | undefined): boolean =>
  target !== undefined && /^\/?(?:index(?:\.html)?)?$/.test(target)

export const isRemote = (target: string | undefined): boolean => target !== undefined && /^https?:\/\//i.test(target)
