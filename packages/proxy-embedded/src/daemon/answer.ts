import type http from 'node:http'
import type { Decision } from './decide.js'
import { identityHeader } from './headers.js'

/** A small answer of the proxy's own. */
export function answer(res: http.ServerResponse, decision: Extract<Decision, { kind: 'answer' }>): void {
  const body = `${decision.text}\n`
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(Buffer.byteLength(body))]
  if (decision.location !== undefined) headers.push('Location', decision.location)
  if (decision.identity !== null) headers.push(identityHeader, decision.identity)
  try {
    res.writeHead(decision.status, headers)
    res.end(body)
  } catch {
    res.destroy()
  }
}
