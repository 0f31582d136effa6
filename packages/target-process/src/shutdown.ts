import { KeeperClient } from './client.js'
import { toAppaloft } from './errors.js'
import { lockHolder } from './shared/lock.js'
import { Layout } from './shared/paths.js'
import { isAlive } from './shared/processes.js'
import { knownReleases, readState } from './shared/records.js'

/**
 * Ends the keeper of a state folder with its helpers, proxy included. Refused with `conflict` while releases run, unless `force` stops
 * them too. Resolves when nothing is left; does nothing where nothing runs.
 *
 * @param stateDir the engine's state folder
 */
export async function shutdown(stateDir: string, options: { force?: boolean } = {}): Promise<void> {
  const layout = new Layout(stateDir)
  const roles = ['keeper', 'proxy', 'static']
  const helpers = () => roles.filter((role) => lockHolder(layout.lock(role)) !== null)
  const processes = knownReleases(layout).some(({ folder }) =>
    readState(folder).instances.some((one) => one.identity !== null && isAlive(one.identity)),
  )
  if (helpers().length === 0 && !processes) return
  try {
    // A keeper that died is started once more: it alone knows how to end what is left.
    await new KeeperClient(layout, { proxy: false }).call('shutdown', { force: options.force === true })
  } catch (error) {
    throw toAppaloft(error)
  }
  const end = performance.now() + 15_000
  while (helpers().length > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
}
