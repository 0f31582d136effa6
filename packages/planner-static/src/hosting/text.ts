import { type HostRules, isIndex, isRemote } from './rules.js'

const linesOf = (text: string): string[] =>
  text
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')

/** One rule of `_redirects` or of a table in netlify.toml. */
export interface Redirect {
  from: string
  to: string
  /** 301 where none is written. */
  status: number
  /** By country, language, role, query or signature. */
  conditional: boolean
}

export function addRedirect(rules: HostRules, { from, to, status, conditional }: Redirect): void {
  const serves = status >= 200 && status < 300
  if (serves && from === '/*' && isIndex(to) && !conditional) rules.fallback ??= `/* ${to} ${status}`
  else if (serves && isRemote(to)) rules.ignore('proxy')
  else if (serves) rules.ignore('rewrite')
  // 404.html is what unknown paths get anyway.
  else if (status === 404 && from === '/*' && to === '/404.html' && !conditional) return
  else rules.ignore(status >= 400 ? 'error-page' : 'redirect')
}

/** `from [name=value …] to [status[!]] [Name=value …]`, as Netlify and Cloudflare Pages read it. */
export function readRedirects(text: string, rules: HostRules): void {
  for (const line of linesOf(text)) {
    const [from = '', ...rest] = line.split(/\s+/)
    const at = rest.findIndex((part) => /^(?:\/|https?:\/\/)/i.test(part))
    const to = rest[at]
    if (to === undefined) {
      rules.ignore('unreadable')
      continue
    }
    const [status = '', ...conditions] = /^\d{3}!?$/.test(rest[at + 1] ?? '')
      ? rest.slice(at + 1)
      : ['301', ...rest.slice(at + 1)]
    addRedirect(rules, {
      ...{ from, to, status: Number(status.replace('!', '')) },
      conditional: at > 0 || conditions.length > 0,
    })
  }
}

/** A line that starts with a path, or an address, opens a block; the headers for it stand below. */
export function readHeaders(text: string, rules: HostRules): void {
  rules.ignore('header', linesOf(text).filter((line) => !/^(?:\/|https?:\/\/)/i.test(line)).length)
}

const always = new Set(['.', '^', '.*', '(.*)', '^.*$', '^(.*)$', '.+', '^.+$', '(.+)', '^(.+)$', '^/?.*$', '/'])

/** The directives of Apache that single pages and redirects are written with. */
export function readHtaccess(text: string, rules: HostRules): void {
  let conditional = false
  for (const line of linesOf(text)) {
    const [name = '', ...args] = line.split(/\s+/)
    const first = args[0] ?? ''
    switch (name.toLowerCase()) {
      case 'rewritecond':
        // "Only where there is no such file" is what a fallback means.
        conditional ||= !(/^%\{REQUEST_FILENAME\}$/i.test(first) && /^!-[fdls]$/.test(args[1] ?? ''))
        break
      case 'rewriterule': {
        const [, target = '', flags = ''] = args
        if (/\bR(?:=30\d)?\b/.test(flags) || isRemote(target)) rules.ignore(/\bP\b/.test(flags) ? 'proxy' : 'redirect')
        else if (/\b(?:F|G)\b/.test(flags)) rules.ignore('access')
        else if (/\bP\b/.test(flags)) rules.ignore('proxy')
        else if (target !== '-' && always.has(first) && isIndex(target) && !conditional)
          rules.fallback ??= `RewriteRule ${first} ${target}`
        else if (target !== '-') rules.ignore('rewrite')
        conditional = false
        break
      }
      case 'fallbackresource':
        if (isIndex(first)) rules.fallback ??= `FallbackResource ${first}`
        else if (first.toLowerCase() !== 'disabled') rules.ignore('rewrite')
        break
      case 'redirect':
      case 'redirectmatch':
      case 'redirectpermanent':
      case 'redirecttemp':
        rules.ignore('redirect')
        break
      case 'header':
      case 'expiresdefault':
      case 'expiresbytype':
        rules.ignore('header')
        break
      case 'errordocument':
        if (!(first === '404' && args[1] === '/404.html')) rules.ignore('error-page')
        break
      case 'authuserfile':
      case 'require':
      case 'deny':
        rules.ignore('access')
        break
      case 'addtype':
        rules.ignore('mime-type')
        break
      case 'directoryindex':
        if (first !== 'index.html') rules.ignore('index')
    }
  }
}
