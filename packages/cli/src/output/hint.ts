import { clean } from './text.js'

const pinned = 'ssh: { knownHosts: { keys: ["ssh-ed25519 …"] } } in appaloft.config.ts'

/** Where the SDK names options of a program, the command has flags, and fields of its configuration. */
const ours: readonly [said: RegExp, here: string][] = [
  [/or pin the key with knownHosts of sshHost/, `add --accept-new-host-key, or pin the key with ${pinned}`],
  [/pin the new one with knownHosts of sshHost/, `pin the new one with ${pinned}`],
  [/or name its program with ssh of sshHost/, 'or put it on the PATH'],
  [/\b(\w+) of sshHost\b/g, 'ssh: { $1 } in appaloft.config.ts'],
]

/** How to recover, in the words of the command line. */
export const hintText = (hint: string): string =>
  clean(ours.reduce((text, [said, here]) => text.replace(said, here), hint))
