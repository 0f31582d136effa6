import { homedir } from 'node:os'
import process from 'node:process'
import { plainEnvironment } from './keeper/spawn.js'

const proxyVariables = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
  // A proxy that looks into what it passes on signs with a certificate of its own.
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
]

/** What everything that runs sees of this process' environment, and no more. */
function base(): Record<string, string> {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: homedir(), ...plainEnvironment() }
}

export const releaseEnvironment = (given: Readonly<Record<string, string>>): Record<string, string> => ({
  ...base(),
  ...given,
})

/** Builds may have to go through a proxy to fetch what they need. */
export function buildEnvironment(given: Readonly<Record<string, string>>): Record<string, string> {
  const through = proxyVariables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  return { ...base(), ...Object.fromEntries(through), ...given }
}
