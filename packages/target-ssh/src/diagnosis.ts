import { AppaloftError, type ErrorCode } from '@appaloft/core/spec'

interface Sign {
  pattern: RegExp
  code: ErrorCode
  reason: string
  /** What the message says happened. */
  what: string
  hint?: string
  retriable?: boolean
}

/** What ssh says when it gives up, the surest first. `details.reason` carries the short word. */
const signs: readonly Sign[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i,
    code: 'host-key-changed',
    reason: 'host-key-changed',
    what: 'showed another host key than the one that is known',
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known/i,
    code: 'host-key-unknown',
    reason: 'host-key-unknown',
    what: 'showed a host key that is not in known_hosts',
  },
  {
    pattern: /(?:no such identity: |Identity file .* not accessible).*Permission denied/is,
    code: 'host-login-refused',
    reason: 'identity-missing',
    what: 'did not let this user in, and the identity file cannot be read',
    hint: 'Correct identityFile of sshHost: there is no such file on this machine, or it may not be read by this user.',
  },
  {
    pattern: /Permission denied|Too many authentication failures|No supported authentication methods/i,
    code: 'host-login-refused',
    reason: 'login-refused',
    what: 'did not let this user in',
  },
  {
    pattern: /Could not resolve hostname/i,
    code: 'runtime-backend-unavailable',
    reason: 'unresolved',
    what: 'has a name that leads nowhere',
    hint: 'Check the host name in destination, and the HostName that the ssh configuration has for it.',
    retriable: false,
  },
  {
    pattern: /Connection refused/i,
    code: 'runtime-backend-unavailable',
    reason: 'refused',
    what: 'refused the connection',
    hint: 'Check that sshd runs on the machine, and that port of sshHost is the one it listens on.',
  },
  {
    pattern: /server not responding|Connection timed out|Operation timed out|timed out during/i,
    code: 'runtime-backend-unavailable',
    reason: 'timed-out',
    what: 'does not answer',
    hint: 'Check that the machine runs, and that no firewall drops what goes to its ssh port.',
  },
  {
    pattern: /No route to host|Network is unreachable|Host is down/i,
    code: 'runtime-backend-unavailable',
    reason: 'unreachable',
    what: 'cannot be reached from this network',
    hint: 'Check the network of this machine, its VPN, and the address of the other one.',
  },
  {
    pattern:
      /Bad configuration option|Bad owner or permissions|terminating, \d+ bad configuration|Can't open user config|no argument after keyword|unsupported option/i,
    code: 'invalid-input',
    reason: 'configuration',
    what: 'cannot be connected to: the ssh configuration is not valid',
    hint: 'Mend the line of the ssh configuration that the message names, or name another file with configFile of sshHost.',
    retriable: false,
  },
  {
    pattern: /no matching (host key type|key exchange method|cipher|MAC) found/i,
    code: 'runtime-backend-unavailable',
    reason: 'no-common-algorithm',
    what: 'offers no algorithm that this ssh accepts',
    hint: 'Update the sshd of the machine, or allow the algorithm in the ssh configuration of this host.',
    retriable: false,
  },
  {
    pattern: /Connection (closed|reset)|kex_exchange_identification|Broken pipe|disconnect|Connection to .* closed/i,
    code: 'runtime-backend-unavailable',
    reason: 'closed',
    what: 'closed the connection',
    hint: 'Check the log of sshd on the machine: it may be overloaded (MaxStartups), stopping, or block this address.',
  },
]

/** The last line that tells something, without paths of this machine. */
const lastWords = (text: string): string => {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('@') && !/^(Warning: )?Permanently added/i.test(line))
  return (lines.at(-1) ?? '').replace(/^ssh: /, '').slice(0, 300)
}

/** Why ssh ended, by what it said on its standard error. `key`: the host's, for the message. */
export function diagnosed(key: string, said: string): AppaloftError {
  const sign = signs.find(({ pattern }) => pattern.test(said))
  const words = lastWords(said)
  if (sign === undefined)
    return new AppaloftError('runtime-backend-unavailable', {
      message: `The connection to ${key} ended${words === '' ? '' : `: ${words}`}.`,
      details: { host: key, reason: 'unknown' },
      recoveryHint: 'Run ssh with the same destination and options by hand, with -v, and see where it stops.',
    })
  return new AppaloftError(sign.code, {
    message: `${key} ${sign.what}${words === '' ? '' : ` (ssh: ${words})`}.`,
    details: { host: key, reason: sign.reason },
    ...(sign.hint === undefined ? {} : { recoveryHint: sign.hint }),
    ...(sign.retriable === undefined ? {} : { retriable: sign.retriable }),
  })
}

export const tooSlow = (key: string, seconds: number, loggedIn: boolean): AppaloftError =>
  loggedIn
    ? new AppaloftError('host-shell-unusable', {
        message: `${key} let this user in, but its login shell ran no command within ${seconds} s.`,
        details: { host: key, reason: 'shell-silent' },
      })
    : new AppaloftError('runtime-backend-unavailable', {
        message: `${key} did not let this user in within ${seconds} s, nor refuse it.`,
        details: { host: key, reason: 'timed-out' },
        recoveryHint:
          'Check that the machine runs and is not overloaded, and that no firewall stands between; connectTimeoutSeconds of sshHost gives it more time.',
      })

/** The login shell ended before it ran anything. */
export function shellEnded(key: string, code: number | null, printed: string): AppaloftError {
  const words = lastWords(printed)
  return new AppaloftError('host-shell-unusable', {
    message: `The login shell of ${key} ended${code === null ? '' : ` with exit code ${code}`} before it ran the command${words === '' ? '' : `: ${words}`}.`,
    details: { host: key, reason: 'shell-ended', exitCode: code },
  })
}

export const lostError = (key: string, why?: AppaloftError): AppaloftError =>
  new AppaloftError('runtime-backend-unavailable', {
    message: `The connection to ${key} was lost${why === undefined ? '' : `: ${why.message}`}`,
    details: { host: key, reason: 'connection-lost' },
    recoveryHint:
      'Look at what is there before doing it again: the command may have done its work, or a part of it. Then retry.',
  })

export const closedError = (key: string): AppaloftError =>
  new AppaloftError('runtime-backend-unavailable', {
    message: `The host ${key} is closed.`,
    details: { host: key, reason: 'closed-here' },
    retriable: false,
  })

export const noProgram = (program: string): AppaloftError =>
  new AppaloftError('command-not-found', {
    message: `The program ${program} does not exist on this machine.`,
    details: { command: program },
    recoveryHint: 'Install the OpenSSH client (openssh-client), or name its program with ssh of sshHost.',
  })
