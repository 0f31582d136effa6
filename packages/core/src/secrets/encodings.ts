/** Chars of base64 that depend on the value alone, when it stands `offset` bytes behind a multiple of three. */
function base64At(bytes: Buffer, offset: 0 | 1 | 2): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  // 6 bits a char: those that also hold bits of a neighbour are cut.
  const from = Math.ceil((offset * 8) / 6)
  const to = Math.floor(((offset + bytes.length) * 8) / 6)
  return text.slice(from, to)
}

/** As the tools wrap it: `base64` after 76, PEM after 64. A last piece of a few characters tells nothing and would hit anywhere. */
function wrapped(base64: string): string[] {
  const pieces = [64, 76].flatMap((width) =>
    base64.length > width ? (base64.match(new RegExp(`.{1,${width}}`, 'g')) ?? []) : [],
  )
  return pieces.filter((piece) => piece.length >= 16)
}

const urlSafe = (base64: string) => base64.replaceAll('+', '-').replaceAll('/', '_')

const utf16 = (text: string, escape: (code: string) => string, which: (code: number) => boolean) =>
  [...Array(text.length).keys()]
    .map((i) => (which(text.charCodeAt(i)) ? escape(text.charCodeAt(i).toString(16).padStart(4, '0')) : text[i]))
    .join('')

/** encodeURIComponent throws on half a surrogate pair; as UTF-8 it is a replacement character. */
const wellFormed = (text: string) => Buffer.from(text, 'utf8').toString('utf8')
const percent = (text: string) => encodeURIComponent(wellFormed(text))
const lowerEscapes = (text: string) => text.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())

function urlForms(value: string): string[] {
  const component = percent(value)
  // What encodeURIComponent leaves and others do not: RFC 3986, and forms with + for a space.
  const strict = component.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = strict.replaceAll('%20', '+')
  const search = new URLSearchParams({ v: value }).toString().slice(2)
  const whole = encodeURI(wellFormed(value))
  // A URL inside a URL, as in a redirect.
  const twice = encodeURIComponent(component)
  return [component, strict, form, search, whole, twice, component.replaceAll('~', '%7E')].flatMap((one) => [
    one,
    lowerEscapes(one),
  ])
}

function jsonForms(value: string): string[] {
  const inner = JSON.stringify(value).slice(1, -1)
  const ascii = utf16(
    inner,
    (code) => `\\u${code}`,
    (code) => code > 0x7e,
  )
  const html = inner.replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
  const forms = [inner, inner.replaceAll('/', '\\/'), ascii, ascii.replace(/\\u[0-9a-f]{4}/g, upperEscape), html]
  // JSON inside JSON, as in a logged request body.
  return [...forms, ...forms.map((one) => JSON.stringify(one).slice(1, -1))]
}
const upperEscape = (escape: string) => `\\u${escape.slice(2).toUpperCase()}`

/** As literals of programs show them, $'…' of a shell included, with one quote escaped or none. */
function literalForms(value: string): string[] {
  const controls = value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r')
  return [controls, ...["'", '"', '`'].map((quote) => controls.replaceAll(quote, `\\${quote}`))]
}

function shellForms(value: string): string[] {
  return [
    value.replaceAll("'", "'\\''"),
    value.replaceAll("'", `'"'"'`),
    value.replace(/[\\"$`!]/g, '\\$&'),
    value.replace(/[\\"$`]/g, '\\$&'),
    value.replace(/[^A-Za-z0-9_\-.,:+/@\n\u0080-\uffff]/g, '\\$&'),
  ]
}

/** Each column is a way that is in use. */
const entities: Record<string, readonly string[]> = {
  '&': ['&amp;', '&amp;', '&amp;', '&amp;', '&#38;', '&#x26;'],
  '<': ['&lt;', '&lt;', '&lt;', '&lt;', '&#60;', '&#x3c;'],
  '>': ['&gt;', '&gt;', '&gt;', '&gt;', '&#62;', '&#x3e;'],
  '"': ['&quot;', '&quot;', '&#34;', '&quot;', '&#34;', '&#x22;'],
  "'": ['&#39;', '&#x27;', '&#39;', '&apos;', '&#39;', '&#x27;'],
}
const htmlForms = (value: string) => [
  ...[0, 1, 2, 3, 4, 5].map((column) => value.replace(/[&<>"']/g, (char) => entities[char]?.[column] ?? char)),
  value.replace(/[&<>]/g, (char) => entities[char]?.[0] ?? char),
  value.replace(/[&<>"]/g, (char) => entities[char]?.[0] ?? char),
]

/** A quote doubled: tables of text, SQL. */
const doubledForms = (value: string) => ["'", '"'].map((quote) => value.replaceAll(quote, quote + quote))

/** As `Buffer` shows itself: only the first 50 bytes. */
export const bufferForm = (bytes: Buffer): string =>
  (bytes.subarray(0, 50).toString('hex').match(/../g) ?? []).join(' ')

/** One value in every common encoding, itself included. `dense` are those of them that tools break into lines of their own accord. */
export function encodingsOf(value: string): { all: Set<string>; dense: Set<string> } {
  const bytes = Buffer.from(value, 'utf8')
  const hex = bytes.toString('hex')
  const base64 = ([0, 1, 2] as const).map((offset) => base64At(bytes, offset))
  const dense = new Set([...base64, ...base64.map(urlSafe), hex, hex.toUpperCase()])
  const all = new Set([
    value,
    ...dense,
    ...wrapped(base64[0]!),
    bufferForm(bytes),
    ...urlForms(value),
    ...jsonForms(value),
    ...literalForms(value),
    ...shellForms(value),
    ...htmlForms(value),
    ...doubledForms(value),
  ])
  return { all, dense }
}
