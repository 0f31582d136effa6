import type { PingValue } from '../protocol.js'

export interface PingAnswer extends PingValue {
  protocol: number
}

/** Asks the daemon of a state folder whether it lives. Null: nobody answers. Starts nothing. */
export async function pingProxyDaemon(
  _stateDir: string,
  _options: { timeoutMs?: number; controlSocket?: string } = {},
): Promise<PingAnswer | null> {
  return null
}
