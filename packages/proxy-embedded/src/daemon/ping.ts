import { controlSocketPath } from '../paths.js'
import { type PingValue, protocolVersion } from '../protocol.js'
import { Wire } from '../wire.js'

export interface PingAnswer extends PingValue {
  protocol: number
}

/**
 * Asks the daemon of a state folder whether it lives. Null: nobody answers within `timeoutMs` (default 1000). Starts nothing. An
 * answer of another protocol version has that version and a pid of 0.
 */
export async function pingProxyDaemon(
  stateDir: string,
  options: { timeoutMs?: number; controlSocket?: string } = {},
): Promise<PingAnswer | null> {
  const wire = new Wire(options.controlSocket ?? controlSocketPath(stateDir))
  try {
    const question = { protocol: protocolVersion, call: 'ping' }
    const answer = await wire.ask(question, { timeoutMs: options.timeoutMs ?? 1000 })
    const { protocol, value } = answer as { protocol?: number; value?: PingValue }
    return { pid: 0, startedAt: '', problems: [], ...value, protocol: Number(protocol) }
  } catch {
    return null
  } finally {
    wire.close()
  }
}
