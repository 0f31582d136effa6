import http from 'node:http'
import { controlSocketPath } from '../paths.js'
import { type PingValue, protocolVersion } from '../protocol.js'

export interface PingAnswer extends PingValue {
  protocol: number
}

/**
 * Asks the daemon of a state folder whether it lives. Null: nobody answers within `timeoutMs` (default 1000). Starts nothing. An
 * answer of another protocol version has that version and a pid of 0.
 */
export function pingProxyDaemon(
  stateDir: string,
  options: { timeoutMs?: number; controlSocket?: string } = {},
): Promise<PingAnswer | null> {
  return new Promise((resolve) => {
    const body = JSON.stringify({ protocol: protocolVersion, call: 'ping' })
    const req = http.request(
      {
        socketPath: options.controlSocket ?? controlSocketPath(stateDir),
        method: 'POST',
        agent: false,
        headers: { 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.timeout(options.timeoutMs ?? 1000),
      },
      (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', () => resolve(null))
        res.on('end', () => resolve(parse(Buffer.concat(chunks).toString('utf8'))))
      },
    )
    req.on('error', () => resolve(null))
    req.end(body)
  })
}

function parse(text: string): PingAnswer | null {
  try {
    const { protocol, value } = JSON.parse(text) as { protocol: number; value?: PingValue }
    return { pid: 0, startedAt: '', problems: [], ...value, protocol }
  } catch {
    return null
  }
}
