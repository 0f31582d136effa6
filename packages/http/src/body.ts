import { AppaloftError } from '@appaloft/core/spec'
import { invalid } from './input.js'

/** Levels of arrays and objects. Definitions need five; what is deeper is meant to exhaust a stack. */
const maxDepth = 32

/**
 * Reads a JSON body: at most `limit` bytes, UTF-8, not compressed, and without what no field of ours can hold. `undefined`: there is none.
 * Errors: `payload-too-large`, `unsupported-media-type`, `invalid-input`.
 */
export async function readBody(request: Request, limit: number): Promise<unknown> {
  const tooLarge = () =>
    new AppaloftError('payload-too-large', {
      message: `The body is larger than ${limit} bytes.`,
      details: { maxBodyBytes: limit },
    })
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge()
  const bytes = request.body === null ? new Uint8Array() : await readAll(request.body, limit, tooLarge)
  if (bytes.length === 0) return undefined
  checkType(request.headers)
  return parse(bytes)
}

async function readAll(stream: ReadableStream<Uint8Array>, limit: number, tooLarge: () => Error): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw invalid(['body: it ended before it was whole'])
      })
      if (done) return Buffer.concat(parts, size)
      size += value.length
      if (size > limit) throw tooLarge()
      parts.push(value)
    }
  } finally {
    // What was not read is not read any more.
    void reader.cancel().catch(() => {})
  }
}

function checkType(headers: Headers): void {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity')
    throw new AppaloftError('unsupported-media-type', { message: 'The body is compressed; send it as it is.' })
  const [type = '', ...parameters] = (headers.get('content-type') ?? '')
    .split(';')
    .map((one) => one.trim().toLowerCase())
  const charset = parameters
    .find((one) => one.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '')
  if (type !== 'application/json' || (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8'))
    throw new AppaloftError('unsupported-media-type')
}

function parse(bytes: Uint8Array): unknown {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    // The parser's own words quote the body.
    throw invalid([error instanceof SyntaxError ? 'body: not JSON' : 'body: not UTF-8'])
  }
  const issues: string[] = []
  look(value, 'body', 0, issues)
  if (issues.length > 0) throw invalid(issues)
  return value
}

/** Texts that a process, a file system or a store would cut or change, names that are no fields, and depth. */
function look(value: unknown, path: string, depth: number, issues: string[]): void {
  if (issues.length >= 20) return
  if (typeof value === 'string') {
    if (value.includes('\0')) issues.push(`${path}: holds a NUL character`)
    else if (/\p{Surrogate}/u.test(value)) issues.push(`${path}: holds half a character`)
    return
  }
  if (value === null || typeof value !== 'object') return
  if (depth >= maxDepth) {
    issues.push(`body: more than ${maxDepth} levels`)
    return
  }
  for (const [name, inner] of Object.entries(value)) {
    if (name === '__proto__') issues.push(`${path}: __proto__ is no field`)
    else look(inner, Array.isArray(value) ? `${path}[${name}]` : `${path}.${name.slice(0, 100)}`, depth + 1, issues)
  }
}
