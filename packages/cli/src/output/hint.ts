import { codes } from '@appaloft/core/spec'
import { clean } from './text.js'

const pinned = 'ssh: { knownHosts: { keys: ["ssh-ed25519 …"] } } in appaloft.config.ts'

/** Where the SDK names options of a program, the command has flags, and fields of its configuration. */
const ours: readonly [said: RegExp, here: string][] = [
  [/or pin the key with knownHosts of sshHost/, `add --accept-new-host-key, or pin the key with ${pinned}`],
  [/pin the new one with knownHosts of sshHost/, `pin the new one with ${pinned}`],
  [/or name its program with ssh of sshHost/, 'or put it on the PATH'],
  [/\b(\w+) of sshHost\b/g, 'ssh: { $1 } in appaloft.config.ts'],
  [/by the option socket\b/, 'with ssh: { socket } in appaloft.config.ts'],
  [/by the option host\b/, 'with docker: { host } in appaloft.config.ts'],
  [/by its options http and https\b/, 'with caddy: { http, https } in appaloft.config.ts'],
  [/by the option root of caddyContainer\b/, 'with caddy: { root } in appaloft.config.ts'],
  [/the option (admin|https?) of the proxy\b/, 'caddy: { $1 } in appaloft.config.ts'],
  [/by the option cli\b/, 'with cli of docker, or of ssh, in appaloft.config.ts'],
  [/the option siteImage of the Docker target\b/, 'siteImage of docker, or of ssh, in appaloft.config.ts'],
  [/the option build(\.registry)?(?: of the target)?\b/, 'build$1 of docker, or of ssh, in appaloft.config.ts'],
]

/** How to recover, in the words of the command line. */
export const hintText = (hint: string): string =>
  clean(ours.reduce((text, [said, here]) => text.replace(said, here), hint))

/** What to do about a problem that tells its code alone. Undefined: of a code that this version does not know. */
export const fixOf = (code: string): string | undefined => {
  const known = Object.entries(codes).find(([name]) => name === code)
  return known && hintText(known[1].fix)
}
