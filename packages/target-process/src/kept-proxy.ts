import type { ProxyContext } from '@appaloft/core/spec'
import { KeeperClient } from './client.js'
import { toAppaloft } from './errors.js'
import { Layout } from './shared/paths.js'

/**
 * For other targets whose proxy is the embedded one: its process is kept by the keeper of the same state folder, and is the one that the
 * process target's releases have too.
 *
 *     docker({ proxy: embedded(), proxyContext: keptProxy })
 */
export function keptProxy(stateDir: string): ProxyContext {
  const layout = new Layout(stateDir)
  const keeper = new KeeperClient(layout, { proxy: true })
  return {
    stateDir: layout.root,
    ensure: async (call = {}) => {
      try {
        await keeper.call('helper', { role: 'proxy' }, call)
      } catch (error) {
        throw toAppaloft(error, call.signal)
      }
    },
  }
}
