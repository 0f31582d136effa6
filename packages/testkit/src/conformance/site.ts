import { brotliCompressSync, gzipSync } from 'node:zlib'

/*
 * What a static site answers, whatever serves it: one table for every target. A row may name two answers where HTTP leaves the choice.
 */

/** The files of the site, by path. `$` stands for the name of the site. */
export const siteFiles = (name: string, options: { notFound: boolean }): Record<string, string | Buffer> => ({
  'index.html': `<h1>${name}`,
  'about/index.html': '<h1>about',
  'page.html': '<h1>page',
  'digits.txt': '0123456789',
  '.env': 'SECRET=1',
  '.well-known/security.txt': 'mailto:',
  'app.js': 'console.log(1)',
  'app.js.br': brotliCompressSync('console.log(1)'),
  'app.js.gz': gzipSync('console.log(1)'),
  'a b/ü.txt': 'named',
  ...(options.notFound ? { '404.html': '<h1>nothing here' } : {}),
})

export interface SiteCase {
  title: string
  /** Sent as it is: no client tidies it. */
  path: string
  status: number | readonly number[]
  /** Not looked at where the status is another than the first. */
  body: string
  /** The beginning of the content type. */
  type: string
}

const row = (title: string, path: string, status: SiteCase['status'], body: string, type: string): SiteCase => ({
  title,
  path,
  status,
  body,
  type,
})
const gone = [404, 400] as const

/** For a site named `plain`, with a 404.html. */
export const siteCases: readonly SiteCase[] = [
  row('the directory index', '/', 200, '<h1>plain', 'text/html'),
  row('an exact file', '/digits.txt', 200, '0123456789', 'text/plain'),
  row('the index of a folder, with a slash', '/about/', 200, '<h1>about', 'text/html'),
  row('the index of a folder, without', '/about', 200, '<h1>about', 'text/html'),
  row('a page without its ending', '/page', 200, '<h1>page', 'text/html'),
  row('a query', '/digits.txt?v=2', 200, '0123456789', 'text/plain'),
  row('an escaped name', '/a%20b/%C3%BC.txt', 200, 'named', 'text/plain'),
  row('.well-known', '/.well-known/security.txt', 200, 'mailto:', 'text/plain'),
  row('a script', '/app.js', 200, 'console.log(1)', 'text/javascript'),
  row('a missing file', '/missing.css', 404, '<h1>nothing here', 'text/html'),
  row('a missing page', '/missing', 404, '<h1>nothing here', 'text/html'),
  row('a dot file', '/.env', 404, '<h1>nothing here', 'text/html'),
  row('an escaped dot file', '/%2eenv', 404, '<h1>nothing here', 'text/html'),
  row('a path out of the folder', '/../secret.txt', gone, '<h1>nothing here', 'text/html'),
  row('an escaped path out of the folder', '/%2e%2e/secret.txt', gone, '<h1>nothing here', 'text/html'),
  row('a doubly escaped one', '/%252e%252e/secret.txt', 404, '<h1>nothing here', 'text/html'),
  row('one with backslashes', '/..%5csecret.txt', gone, '<h1>nothing here', 'text/html'),
  row('a path out of a folder', '/about/../../secret.txt', gone, '<h1>nothing here', 'text/html'),
  row('a broken escape', '/%E0%A4%A', gone, '<h1>nothing here', 'text/html'),
  row('a NUL', '/digits.txt%00.html', gone, '<h1>nothing here', 'text/html'),
]

/** For one named `spa`, with the fallback of a single-page application and a 404.html. */
export const spaCases: readonly SiteCase[] = [
  row('an unknown page is the index', '/users/7', 200, '<h1>spa', 'text/html'),
  row('a file that exists is itself', '/digits.txt', 200, '0123456789', 'text/plain'),
  row('a missing file with an ending stays missing', '/assets/old.js', 404, '<h1>nothing here', 'text/html'),
  row('a dot file stays hidden', '/.env', 404, '<h1>nothing here', 'text/html'),
]

/** By the requested range of the ten bytes of digits.txt: status, body, and `Content-Range`. */
export const siteRanges: readonly [range: string, status: number, body: string, told: string | undefined][] = [
  ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
  ['bytes=7-', 206, '789', 'bytes 7-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
  ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
]

/** By what the client accepts: which of the precompressed files it gets. */
export const siteEncodings: readonly [accepted: string, encoding: string | undefined][] = [
  ['br, gzip', 'br'],
  ['gzip', 'gzip'],
  ['gzip, br;q=0', 'gzip'],
  ['identity', undefined],
  ['', undefined],
]

export const siteForbidden = ['POST', 'PUT', 'DELETE', 'OPTIONS'] as const
