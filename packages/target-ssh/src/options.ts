import { resolve } from 'node:path'
import { AppaloftError } from '@appaloft/core/spec'
import { z } from 'zod'

const path = () =>
  z
    .string()
    .min(1)
    .regex(/^\P{Cc}*$/u, 'a path without control characters')
const seconds = () => z.number().positive().max(3600)
const publicKey = /^(@cert-authority )?(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( \P{Cc}*)?$/u

// What ssh would take for an option, or a shell within somebody's ProxyCommand for more than a name, is none.
const user = String.raw`[A-Za-z0-9_][A-Za-z0-9_.+@-]*\$?`
const machine = `(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f:]+(?:%[A-Za-z0-9_.-]+)?)`
const destination = new RegExp(`^(?:${user}@)?${machine}$`)

export const sshHostOptionsSchema = z.strictObject({
  /** `host`, `user@host`, or a `Host` of the configuration. */
  destination: z.string().max(512).regex(destination, 'a host or user@host, without options, spaces and scheme'),
  /** Default: what the configuration says, else 22. */
  port: z.int().min(1).max(65_535).optional(),
  /** Tried before what the configuration names; of the agent's keys only these are. Default: what configuration and agent offer. */
  identityFile: path().optional(),
  /** In place of `~/.ssh/config` and the system's. */
  configFile: path().optional(),
  /**
   * Which host keys are trusted. Default: those of the known_hosts files that the configuration names; a host that is in none is refused.
   * `keys`: these alone, each as `ssh-keyscan` and the server's `.pub` file show it (`ssh-ed25519 AAAA…`, or `@cert-authority ssh-ed25519 AAAA…`).
   * `file`: a known_hosts file in place of the others. `accept-new`: whatever a host shows first is written to known_hosts.
   */
  knownHosts: z
    .union([
      z.literal('accept-new'),
      z.strictObject({ keys: z.array(z.string().regex(publicKey, 'a public key, as in a .pub file')).min(1) }),
      z.strictObject({ file: path() }),
    ])
    .optional(),
  /** Until a first command can run: resolving, jump hosts, login and the login shell's files. Default 30 s. */
  connectTimeoutSeconds: seconds().default(30),
  /** From SIGTERM to SIGKILL for a command that is aborted or takes too long. Default 5 s. */
  graceSeconds: z.number().min(0).max(600).default(5),
  /** Commands at a time; the server's `MaxSessions` must be above it, else fewer are tried. Default 8. */
  maxSessions: z.int().min(1).max(1000).default(8),
  /** The program. Default: `ssh`, found in PATH. */
  ssh: path().default('ssh'),
})

export type SshHostOptions = z.input<typeof sshHostOptionsSchema>
export type Settings = z.output<typeof sshHostOptionsSchema>

export function readOptions(options: SshHostOptions): Settings {
  const { success, data, error } = sshHostOptionsSchema.safeParse(options)
  if (!success) {
    const issues = error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
    const [first] = issues
    const message = `sshHost: ${first?.path || 'options'}: ${first?.message}`
    throw new AppaloftError('invalid-input', { message, details: { issues } })
  }
  return {
    ...data,
    ...(data.identityFile === undefined ? {} : { identityFile: resolve(data.identityFile) }),
    ...(data.configFile === undefined ? {} : { configFile: resolve(data.configFile) }),
    ...(typeof data.knownHosts === 'object' && 'file' in data.knownHosts
      ? { knownHosts: { file: resolve(data.knownHosts.file) } }
      : {}),
  }
}
