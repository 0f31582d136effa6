import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Credentials, GitCredential } from '../spec/credentials.js'
import { detectError } from './errors.js'
import type { GitRemote } from './gitUrl.js'

/** What git needs to prove who it is, for one remote. */
export interface GitAccess {
  /** Added to the environment of git. */
  env: Record<string, string>
  /** Never to be said. */
  secrets: string[]
}

// Answers only the two questions for this host and this user, so that a redirect or a submodule elsewhere learns nothing.
const askpass = `#!/bin/sh
case "$1" in
"$APPALOFT_GIT_ASKS_USER") printf '%s\\n' "$APPALOFT_GIT_USER" ;;
"$APPALOFT_GIT_ASKS_TOKEN" | "$APPALOFT_GIT_ASKS_TOKEN_LOWER") printf '%s\\n' "$APPALOFT_GIT_TOKEN" ;;
*) exit 1 ;;
esac
`

// File names given to ssh are relative: it expands % in paths, and takes a space for the end of one.
const ssh = `#!/bin/sh
cd "$APPALOFT_GIT_HOME" || exit 1
exec ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o ControlMaster=no -o ForwardAgent=no -o PermitLocalCommand=no \${APPALOFT_SSH_KEY:+-o IdentitiesOnly=yes -o IdentityAgent=none -i ./key} \${APPALOFT_SSH_HOSTS:+-o StrictHostKeyChecking=yes -o UserKnownHostsFile=./known_hosts -o GlobalKnownHostsFile=/dev/null} "$@"
`

/** As git writes a user name into its question; some versions with lower-case digits. */
const urlEncoded = (text: string) =>
  [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const char = String.fromCharCode(byte)
      return /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`
    })
    .join('')

const withNewline = (text: string) => (text.endsWith('\n') ? text : `${text}\n`)

/**
 * Asks the hook and writes the helpers into a private folder, which the caller removes after use. A token stands in the environment of
 * git alone, a key in a 0600 file there.
 */
export async function gitAccess(
  remote: GitRemote,
  credentials: Credentials | undefined,
  home: string,
): Promise<GitAccess> {
  if (remote.protocol === 'file') return { env: {}, secrets: [] }
  const credential = (await credentials?.git?.(remote.shown ?? remote.url)) ?? null
  if (remote.protocol === 'ssh') return sshAccess(credential, home)
  return httpsAccess(credential, remote.origin ?? '', home)
}

async function httpsAccess(credential: GitCredential | null, origin: string, home: string): Promise<GitAccess> {
  if (credential === null) return { env: {}, secrets: [] }
  if (!('token' in credential)) throw unusable('the credentials hook gave a key for an https URL; it needs a token')
  const { username = 'x-access-token', token } = credential
  if (/[\r\n\0]/.test(username + token) || token === '') throw unusable('the token is empty or holds a line break')
  await writeFile(join(home, 'askpass'), askpass, { mode: 0o700 })
  const [scheme, machine] = origin.split('://')
  const question = (user: string) => `Password for '${scheme}://${user}@${machine}': `
  return {
    env: {
      GIT_ASKPASS: join(home, 'askpass'),
      APPALOFT_GIT_ASKS_USER: `Username for '${origin}': `,
      APPALOFT_GIT_ASKS_TOKEN: question(urlEncoded(username)),
      APPALOFT_GIT_ASKS_TOKEN_LOWER: question(urlEncoded(username).replace(/%../g, (hex) => hex.toLowerCase())),
      APPALOFT_GIT_USER: username,
      APPALOFT_GIT_TOKEN: token,
    },
    secrets: [token],
  }
}

async function sshAccess(credential: GitCredential | null, home: string): Promise<GitAccess> {
  const env: Record<string, string> = {
    GIT_SSH: join(home, 'ssh'),
    GIT_SSH_VARIANT: 'ssh',
    APPALOFT_GIT_HOME: home,
  }
  await writeFile(join(home, 'ssh'), ssh, { mode: 0o700 })
  // Without a credential the user's own agent, keys and configuration apply.
  if (credential === null) return { env, secrets: [] }
  if (!('privateKey' in credential)) throw unusable('the credentials hook gave a token for an ssh URL; it needs a key')
  await writeFile(join(home, 'key'), withNewline(credential.privateKey), { mode: 0o600 })
  env.APPALOFT_SSH_KEY = '1'
  if (credential.knownHosts !== undefined) {
    await writeFile(join(home, 'known_hosts'), withNewline(credential.knownHosts), { mode: 0o600 })
    env.APPALOFT_SSH_HOSTS = '1'
  }
  return { env, secrets: [credential.privateKey] }
}

const unusable = (why: string) => detectError('git-auth-failed', `The git credentials cannot be used: ${why}.`)
