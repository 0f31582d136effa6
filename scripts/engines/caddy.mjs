import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fetchParts, whyNoParts } from './parts.mjs'

const runs = (path) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * The program of a real Caddy, for the tests: one that is here, or as root on Debian or Ubuntu the one of the system's packages, unpacked
 * into the cache. Nothing is started: each test starts its own. Answers the environment that tells the tests, or why there is none.
 */
export async function provideCaddy() {
  const given = process.env.APPALOFT_TEST_CADDY
  const here =
    given ??
    (process.env.PATH ?? '')
      .split(delimiter)
      .map((folder) => join(folder, 'caddy'))
      .find(runs)
  if (here !== undefined) return { env: { APPALOFT_TEST_CADDY: here }, why: null }
  const why = whyNoParts()
  if (why !== null) return { env: null, why: `no Caddy is on the PATH, and ${why}` }
  try {
    const { folder } = await fetchParts()
    return { env: { APPALOFT_TEST_CADDY: join(folder, 'root/usr/bin/caddy') }, why: null }
  } catch (error) {
    return { env: null, why: error.message }
  }
}
