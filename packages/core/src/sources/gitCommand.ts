import { delimiter, isAbsolute } from 'node:path'
import { redactor } from '../secrets/redactor.js'
import { AppaloftError } from '../spec/errors.js'
import { detectError, errorCode, unreadable } from './errors.js'
import type { GitAccess } from './gitCredentials.js'
import type { GitRemote } from './gitUrl.js'

/** Nothing of the machine's or the user's configuration counts, nothing of a repository is run, nothing is asked. */
const settings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.symlinks=true',
  'core.autocrlf=false',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'core.bare=false',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  // Always a pack, never loose files: packs are what the cache hands on.
  'fetch.unpackLimit=1',
  'http.lowSpeedLimit=500',
  'http.lowSpeedTime=60',
]

/** Of the process' own environment: how to find programs and how to reach the network. */
const inherited = [
  ...['PATH', 'TMPDIR', 'SSH_AUTH_SOCK', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'],
  ...['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'],
]

export interface Git {
  remote: GitRemote
  access: GitAccess
  /** A private folder: working directory and HOME of git. */
  home: string
  signal: AbortSignal
  /** Texts that errors must not show, secrets aside: paths of this machine. */
  hide: readonly string[]
}

export interface GitOptions {
  env?: Readonly<Record<string, string>>
  settings?: readonly string[]
  /** Gets standard output piece by piece, instead of the result; throwing ends git. */
  onOutput?(chunk: Buffer): void
}

function environment(git: Git, extra: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of inherited) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  // An entry like `.` would find programs in the tree that git is about to write.
  if (env.PATH !== undefined) env.PATH = env.PATH.split(delimiter).filter(isAbsolute).join(delimiter)
  return {
    ...env,
    // No ~/.netrc, no ~/.config/git.
    HOME: git.home,
    XDG_CONFIG_HOME: git.home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_ALLOW_PROTOCOL: git.remote.protocol === 'file' ? 'file' : 'https:ssh',
    ...git.access.env,
    ...extra,
  }
}

/** Runs git to its end: standard output. Where the signal aborts, git and all that it started are gone when this rejects. */
export async function runGit(git: Git, args: readonly string[], options: GitOptions = {}): Promise<string> {
  git.signal.throwIfAborted()
  const { execa } = await import('execa')
  const given = [...settings, ...(options.settings ?? [])].flatMap((setting) => ['-c', setting])
  const child = execa('git', [...given, ...args], {
    cwd: git.home,
    env: environment(git, options.env ?? {}),
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    // A group of its own: git leaves the talking to other processes. It has no terminal either, so ssh cannot ask there.
    detached: true,
    buffer: { stdout: options.onOutput === undefined },
    maxBuffer: 32 * 1024 * 1024,
    stripFinalNewline: false,
  })
  let failure: unknown
  const killGroup = () => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Already gone.
    }
  }
  git.signal.addEventListener('abort', killGroup, { once: true })
  child.stdout?.on('data', (chunk: Buffer) => {
    if (failure !== undefined) return
    try {
      options.onOutput?.(chunk)
    } catch (error) {
      failure = error
      killGroup()
    }
  })
  try {
    const result = await child
    git.signal.throwIfAborted()
    if (failure !== undefined) throw failure
    if (result.exitCode === 0) return result.stdout ?? ''
    if (result.exitCode === undefined && errorCode(result.cause) === 'ENOENT') throw missing()
    throw gitError(git, result.stderr)
  } finally {
    git.signal.removeEventListener('abort', killGroup)
  }
}

const missing = () =>
  unreadable('program', 'git is not installed on this machine, and the source is a git repository.', { command: 'git' })

const kinds: [pattern: RegExp, make: (shown: string) => AppaloftError][] = [
  [
    /couldn't find remote ref|not our ref|unadvertised object/i,
    (shown) => detectError('git-ref-not-found', `The ref does not exist in ${shown}.`),
  ],
  [
    /No space left on device|Disk quota exceeded/i,
    () => new AppaloftError('disk-full', { phase: 'detect', message: 'The disk with the state folder is full.' }),
  ],
  [
    /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i,
    (shown) =>
      detectError('git-auth-failed', `The host key of ${shown} is not known, or not the one that is known.`, {
        recoveryHint: 'Give the host’s key as knownHosts with the credential, or add it to known_hosts of this user.',
      }),
  ],
  [
    /Could not resolve host|Temporary failure in name resolution|Connection refused|Connection timed out|Operation timed out|Failed to connect|Couldn't connect|Network is unreachable|No route to host|Connection reset|Connection closed|kex_exchange|Operation too slow|early EOF|unexpected disconnect|SSL|certificate|returned error: 5\d\d|Empty reply/i,
    (shown) => detectError('git-host-unreachable', `The git host of ${shown} cannot be reached.`),
  ],
  [
    /could not read (?:Username|Password)|Authentication failed|Permission denied|Access denied|returned error: 40[13]|invalid (?:credentials|username)|Load key|libcrypto/i,
    (shown) => detectError('git-auth-failed', `The git host refused access to ${shown}.`),
  ],
  [
    /dubious ownership/i,
    (shown) =>
      unreadable('owner', `The repository ${shown} belongs to another user of this machine, so git does not read it.`),
  ],
  [
    /not found|does not appear to be a git repository|does not exist|Could not read from remote repository/i,
    (shown) => unreadable('repository', `There is no git repository ${shown}, or these credentials may not see it.`),
  ],
]

/** git says what went wrong in words alone. Its own line goes into the details, cleaned. */
export function gitError(git: Pick<Git, 'remote' | 'access' | 'hide'>, stderr: string): AppaloftError {
  const shown = git.remote.shown ?? JSON.stringify(git.remote.name)
  // The URL may hold any of the words.
  const words = stderr.replaceAll(git.remote.url, '').replaceAll(git.remote.origin ?? git.remote.url, '')
  const make = kinds.find(([pattern]) => pattern.test(words))?.[1]
  const error = make?.(shown) ?? unreadable('repository', `git could not read ${shown}.`)
  const lines = stderr.split(/[\r\n]+/).filter((line) => /^(?:fatal|error|ssh):/.test(line))
  const line = redactor([...git.access.secrets, ...git.hide])
    .text(lines.at(-1) ?? '')
    .slice(0, 500)
  return new AppaloftError(error.code, {
    phase: 'detect',
    message: error.message,
    recoveryHint: error.recoveryHint,
    details: { ...error.details, ...(line === '' ? {} : { git: line }) },
  })
}
