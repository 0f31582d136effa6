import { AppaloftError, type Host } from '@appaloft/core/spec'

export const usualSocket = '/var/run/docker.sock'
const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }
/** Where it is not seen, a folder on the way may be closed for this user: 5, as where it may not be used. */
export const socketScript = `
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

/** Why the socket of the Docker Engine cannot be used on the machine, by the script's exit code; null: it can, or nobody listens there, which only asking tells. */
export function socketFault(host: Host, socket: string, exitCode: number | null): SocketFault | null {
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

/** As an address that the Docker target takes. Whether it can be used is told by using it. */
export async function forwardedSocket(host: Host, socket: string): Promise<string> {
  const { address } = await host.forward({ kind: 'unix', path: socket }, { ahead: true })
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`
}

/** Where the engine did not answer: why, if the machine can tell. */
export async function whyUnusable(host: Host, socket: string): Promise<AppaloftError | null> {
  const { exitCode } = await host.exec(['sh', '-c', socketScript, 'sh', socket], { env, timeoutMs: 30_000 })
  const fault = socketFault(host, socket, exitCode)
  if (fault === null) return null
  return new AppaloftError('runtime-backend-unavailable', {
    message: fault.message,
    recoveryHint: fault.fix,
    details: { host: host.key, reason: 'docker-access' },
    retriable: false,
  })
}
