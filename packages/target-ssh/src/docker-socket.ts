import { AppaloftError, type Host } from '@appaloft/core/spec'

export const usualSocket = '/var/run/docker.sock'
const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }
/** Where it is not seen, a folder on the way may be closed for this user: 5, as where it may not be used. */
const script = `
if [ ! -e "$1" ]; then
  d=\${1%/*}
  while [ -n "$d" ] && [ ! -e "$d" ]; do d=\${d%/*}; done
  [ -x "\${d:-/}" ] || exit 5
  exit 3
fi
[ -S "$1" ] || exit 4
[ -r "$1" ] && [ -w "$1" ] || exit 5
`

export type SocketFault = { message: string; fix: string }

/** Why the socket of the Docker Engine cannot be used on the machine; null: it can, or nobody listens there, which only asking tells. */
export async function socketFault(host: Host, socket: string, signal?: AbortSignal): Promise<SocketFault | null> {
  const options = { env, timeoutMs: 30_000, ...(signal === undefined ? {} : { signal }) }
  const { exitCode } = await host.exec(['sh', '-c', script, 'sh', socket], options)
  if (exitCode === 3)
    return {
      message: `${host.key} has no ${socket}.`,
      fix: 'Install Docker Engine on the machine and start it, or name the socket of a rootless one by the option socket.',
    }
  if (exitCode === 4)
    return { message: `${socket} on ${host.key} is no socket.`, fix: 'Name the engine’s socket by the option socket.' }
  if (exitCode === 5)
    return {
      message: `This user may not use ${socket} on ${host.key}.`,
      fix: 'Add the user to the group docker on the machine (usermod -aG docker USER) and connect again, or log in as one who may.',
    }
  return null
}

/** As an address that the Docker target takes. */
export async function forwardedSocket(host: Host, socket: string): Promise<string> {
  const fault = await socketFault(host, socket)
  if (fault !== null)
    throw new AppaloftError('runtime-backend-unavailable', {
      message: fault.message,
      recoveryHint: fault.fix,
      details: { host: host.key, reason: 'docker-access' },
      retriable: false,
    })
  const { address } = await host.forward({ kind: 'unix', path: socket })
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`
}
