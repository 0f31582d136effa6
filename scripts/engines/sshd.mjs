import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fetchParts, partsEnvironment, whyNoParts } from './parts.mjs'

/**
 * The sshd of the system's packages and two login shells, for the tests. Nothing is started: each test starts its own, with keys and users of
 * its own. Answers the environment that tells the tests, or why there is none.
 */
export async function provideSshd() {
  const why = whyNoParts()
  if (why !== null) return { env: null, why }
  try {
    const { folder } = await fetchParts()
    const program = join(folder, 'root/usr/sbin/sshd')
    if (!existsSync(program)) return { env: null, why: 'the packages have no sshd' }
    return {
      env: { APPALOFT_TEST_SSHD: folder, APPALOFT_TEST_SSHD_LIBRARIES: partsEnvironment(folder).LD_LIBRARY_PATH },
      why: null,
    }
  } catch (error) {
    return { env: null, why: error.message }
  }
}
