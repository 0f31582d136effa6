import { isIPv6 } from 'node:net'
import type { ForwardTarget } from '@appaloft/core/spec'
import type { Settings } from './options.js'

const option = (name: string, value: string | number) => ['-o', `${name}=${value}`]
const options = (all: Record<string, string | number>) =>
  Object.entries(all).flatMap(([name, value]) => option(name, value))
/** In what ssh expands, a percent sign stands for itself only when doubled; spaces end a word in a list of files. */
const literal = (path: string) => `"${path.replaceAll('%', '%%')}"`

/** The one connection, which others share over `socket`. `knownHosts`: the file of pinned keys. */
export function masterArguments(settings: Settings, socket: string, pinned: string | null, command: string): string[] {
  const { destination, port, identityFile, configFile, knownHosts, connectTimeoutSeconds } = settings
  const file = pinned ?? (typeof knownHosts === 'object' && 'file' in knownHosts ? knownHosts.file : null)
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...options({ ControlMaster: 'yes', ControlPath: socket, ControlPersist: 'no' }),
    ...options({ BatchMode: 'yes', ConnectTimeout: Math.ceil(connectTimeoutSeconds), ConnectionAttempts: 1 }),
    ...options({ ServerAliveInterval: 2, ServerAliveCountMax: 2, TCPKeepAlive: 'yes' }),
    ...options({ StrictHostKeyChecking: knownHosts === 'accept-new' ? 'accept-new' : 'yes' }),
    ...(file === null
      ? []
      : options({ UserKnownHostsFile: literal(file), GlobalKnownHostsFile: '/dev/null', UpdateHostKeys: 'no' })),
    // Not by -i, which leaves a path with a percent sign out.
    ...(identityFile === undefined ? [] : options({ IdentityFile: literal(identityFile), IdentitiesOnly: 'yes' })),
    ...(port === undefined ? [] : ['-p', String(port)]),
    // What the configuration may ask for besides is for people at a terminal.
    ...options({ ClearAllForwardings: 'yes', ForwardAgent: 'no', ForwardX11: 'no', PermitLocalCommand: 'no' }),
    ...options({ RemoteCommand: 'none', RequestTTY: 'no', Tunnel: 'no', LogLevel: 'INFO' }),
    '--',
    destination,
    command,
  ]
}

/** Whoever finds nobody at the socket must not connect anew: the destination is no name, and its way leads nowhere. */
const shared = (socket: string) => [
  ...['-F', 'none', '-S', socket, '-T'],
  ...options({ ProxyCommand: 'false', BatchMode: 'yes', LogLevel: 'ERROR' }),
]

export const sessionArguments = (socket: string, command: string): string[] => [
  ...shared(socket),
  '--',
  'shared',
  command,
]

export const controlArguments = (socket: string, verb: 'forward' | 'cancel', spec: string): string[] => [
  ...['-O', verb, '-L', spec],
  ...shared(socket),
  '--',
  'shared',
]

const escaped = (path: string) => path.replaceAll('%', '%%').replaceAll(/[\\:]/g, '\\$&')

/** `LOCAL:REMOTE` as ssh reads it; null where it could not say what is meant. */
export function forwardSpec(local: string, remote: ForwardTarget): string | null {
  if (remote.kind === 'unix') {
    const sound = remote.path.startsWith('/') && !/\p{Cc}|\$\{/u.test(remote.path)
    return sound ? `${escaped(local)}:${escaped(remote.path)}` : null
  }
  const { host, port } = remote
  const sound = Number.isInteger(port) && port > 0 && port < 65_536
  if (!sound || !(isIPv6(host) || /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(host))) return null
  return `${escaped(local)}:${host.includes(':') ? `[${host}]` : host}:${port}`
}
