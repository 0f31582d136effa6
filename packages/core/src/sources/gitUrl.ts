import { basename, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { detectError, unreadable } from './errors.js'

/** A place that git may be sent to. */
export interface GitRemote {
  protocol: 'https' | 'ssh' | 'file'
  /** What git is given. Never begins with `-`, names no transport helper, carries no password. */
  url: string
  /** Scheme, host and port, as git writes them when it asks for credentials; https only. */
  origin?: string
  /** For people and records; null for a path of this machine. */
  shown: string | null
  /** The last part of the path, without `.git`. */
  name: string
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const control = /[\u0000-\u001f\u007f]/
const encodedControl = /%(?:0[0-9a-f]|1[0-9a-f]|7f)/i
const host = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/
const login = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/

const nameOf = (path: string) => basename(path.replace(/\/+$/, '')).replace(/\.git$/, '') || 'repository'
const notAllowed = (why: string) => unreadable('url', `The git URL is not accepted: ${why}.`)
const credentialsInUrl = () => detectError('credentials-in-url', 'The git URL carries user information.')

/**
 * Accepts `https://…`, `ssh://[user@]host/…`, `[user@]host:path`, and, for local use, `file://…` and paths. Everything else is refused,
 * so that no part of a URL can be taken for an option, another transport or a password. Of an ssh URL the login name is no credential; a
 * password is. Errors: `credentials-in-url`, `source-unreadable`.
 */
export function parseGitUrl(text: string): GitRemote {
  if (text === '' || control.test(text) || encodedControl.test(text))
    throw notAllowed('it is empty or holds control characters')
  if (text.startsWith('-')) throw notAllowed('it begins with a dash')
  // ext::, fd:: and every other helper that git would start a program for.
  if (/^[A-Za-z0-9]+::/.test(text)) throw notAllowed('transport helpers are not allowed')
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'https') return https(text)
  if (scheme === 'ssh') return ssh(text)
  if (scheme === 'file') return file(text)
  if (scheme !== undefined) throw notAllowed(`the protocol ${scheme} is not allowed, only https and ssh`)
  const scp = /^([^/:@]*(?::[^/@]*)?@)?([^/:@]+|\[[^\]/]+\]):(.*)$/.exec(text)
  if (scp) return scpLike(scp)
  return local(resolve(text))
}

function parse(text: string): URL {
  try {
    return new URL(text)
  } catch (error) {
    throw unreadable('url', 'The git URL is not a valid URL.', {}, error)
  }
}

function https(text: string): GitRemote {
  const url = parse(text)
  if (url.username !== '' || url.password !== '' || /^https:\/\/[^/?#]*@/i.test(text)) throw credentialsInUrl()
  if (!host.test(url.hostname)) throw notAllowed('its host name is not valid')
  if (url.hash !== '') throw notAllowed('it holds a fragment; name the ref in gitRef')
  // A query may be a token; git hosts need none.
  if (url.search !== '') throw notAllowed('it holds a query')
  return { protocol: 'https', url: url.href, origin: url.origin, shown: url.href, name: nameOf(url.pathname) }
}

function ssh(text: string): GitRemote {
  const url = parse(text)
  if (url.password !== '' || /^ssh:\/\/[^/@]*:[^/@]*@/i.test(text)) throw credentialsInUrl()
  if (url.username !== '' && !login.test(url.username)) throw notAllowed('its login name is not valid')
  if (!host.test(url.hostname)) throw notAllowed('its host name is not valid')
  if (url.pathname.startsWith('/-') || url.search !== '' || url.hash !== '') throw notAllowed('its path is not valid')
  return { protocol: 'ssh', url: url.href, shown: url.href, name: nameOf(url.pathname) }
}

function scpLike([, user = '', machine = '', path = '']: RegExpExecArray): GitRemote {
  if (user.includes(':')) throw credentialsInUrl()
  if (user !== '' && !login.test(user.slice(0, -1))) throw notAllowed('its login name is not valid')
  if (!host.test(machine)) throw notAllowed('its host name is not valid')
  if (path === '' || path.startsWith('-')) throw notAllowed('its path is not valid')
  const url = `${user}${machine}:${path}`
  return { protocol: 'ssh', url, shown: url, name: nameOf(path) }
}

function file(text: string): GitRemote {
  try {
    return local(fileURLToPath(parse(text)))
  } catch (error) {
    throw unreadable('url', 'The git URL is not a valid file URL.', {}, error)
  }
}

const local = (path: string): GitRemote => ({ protocol: 'file', url: path, shown: null, name: nameOf(path) })

/** A submodule's URL: `./x` and `../x` start at the parent's. A parent from the network never leads to a path of this machine. */
export function parseSubmoduleUrl(text: string, parent: GitRemote): GitRemote {
  const remote = /^\.\.?\//.test(text) ? parseGitUrl(joined(parent.url, text)) : parseGitUrl(text)
  if (
    remote.protocol === 'file' &&
    (parent.protocol !== 'file' || (!isAbsolute(text) && !/^(?:\.\.?\/|file:)/.test(text)))
  ) {
    throw notAllowed('a submodule leads to a path of this machine')
  }
  return remote
}

function joined(base: string, relative: string): string {
  let at = base.replace(/\/+$/, '')
  let rest = relative
  for (;;) {
    if (rest.startsWith('./')) rest = rest.slice(2)
    else if (rest.startsWith('../')) {
      rest = rest.slice(3)
      if (at.endsWith(':')) throw notAllowed('a submodule leads out of its host')
      const cut = Math.max(at.lastIndexOf('/'), at.includes('://') ? -1 : at.lastIndexOf(':'))
      if (cut < 0 || at.slice(0, cut).endsWith('/')) throw notAllowed('a submodule leads out of its host')
      at = at[cut] === ':' ? at.slice(0, cut + 1) : at.slice(0, cut)
    } else break
  }
  return at.endsWith(':') ? at + rest : `${at}/${rest}`
}

/** A name that git can only take for a ref: rules of git-check-ref-format, and neither a refspec, an option nor an expression. */
export function checkRef(ref: string): string {
  const bad =
    control.test(ref) ||
    /[ ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|\.$|\/$|^[-./+@!]$|^[-./+!]/.test(ref) ||
    ref === '' ||
    ref.length > 1024
  if (!bad) return ref
  throw detectError('git-ref-not-found', `${JSON.stringify(ref.slice(0, 200))} cannot be the name of a git ref.`)
}
