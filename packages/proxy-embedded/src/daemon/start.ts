import type { ProxyDaemon, ProxyDaemonOptions } from './options.js'

/**
 * Starts the proxy in this process, as its table file says it was. Resolves when the control socket answers and every listener that
 * could be opened is open; a port that someone else holds is tried again until it is free. Rejects where another daemon serves the
 * same state folder, or where the table cannot be read. Installs no signal handlers: that is for the process to decide.
 */
export async function startProxyDaemon(_options: ProxyDaemonOptions): Promise<ProxyDaemon> {
  throw new Error('not built yet')
}
