import { identityHeader, verifyHeader } from '@appaloft/core/spec'
import { type Json, type JsonRecord, vars } from './entries.js'
import { mostAddresses, rankLength } from './names.js'

/*
 * What happens to a request after its hostname and path are known, the same for all resources, and never changed by a release:
 * find the marker, find what the token chooses, say who answers, hand over.
 */

const of = (name: string): string => `{http.vars.${name}}`
const state = 'appaloft_state'
const set = 'appaloft_set'
const first = 'appaloft_first'
const verified = 'appaloft_verified'
const deployment = 'appaloft_deployment'

const saying = (said: Record<string, string>): JsonRecord => ({ handler: 'vars', ...said })
const like = (subject: string, pattern: string, name?: string): JsonRecord => ({
  vars_regexp: { [subject]: name === undefined ? { pattern } : { name, pattern } },
})
const within = (...routes: JsonRecord[]): JsonRecord => ({ handler: 'subroute', routes })
const answer = (status: number | string, rest: JsonRecord = {}): JsonRecord => ({
  handler: 'static_response',
  status_code: status,
  ...rest,
})
const redirect = (location: string): JsonRecord => answer(308, { headers: { Location: [location] } })
const handled = (match: JsonRecord | null, ...handle: JsonRecord[]): JsonRecord => ({
  ...(match === null ? {} : { match: [match] }),
  handle,
})
const final = (match: JsonRecord | null, ...handle: JsonRecord[]): JsonRecord => ({
  ...handled(match, ...handle),
  terminal: true,
})
const isVerified = { [verified]: ['1'] }

export interface PipelineOptions {
  /** The folder of the markers as Caddy sees it. */
  root: string
  /** On the listener without TLS: where hostnames with TLS are served instead. Null: here. */
  httpsPort: number | null
  /** Steps that no route needs are left out: each costs every request a little. */
  strips: boolean
  redirects: boolean
}

export function pipeline({ root, httpsPort, strips, redirects }: PipelineOptions): JsonRecord {
  const folder = `${root}/${of(vars.folder)}`
  const found = '{http.matchers.file.relative}'
  const pick = (group: string): JsonRecord => ({
    group,
    ...handled({ file: { root: folder, try_files: ['*~*'] } }, saying({ [state]: found, [set]: found })),
  })
  // Between the look into the folder and the look at the file, a file that was long out of use may go: look again.
  const picks = (group: string) => [pick(group), pick(group), pick(group)]
  const token = `v.{http.regexp.appaloft_rank.1}/{http.regexp.appaloft_token.0}`
  const tokenFile = (name: string): JsonRecord => ({ file: { root: folder, try_files: [`${token}/${name}`] } })

  return {
    handler: 'subroute',
    routes: [
      handled(null, {
        handler: 'headers',
        request: { delete: [identityHeader, 'X-Forwarded-Prefix'] },
      }),
      ...(strips ? [prefixTold()] : []),
      ...picks('appaloft_pick'),
      // One matcher inside the other: within one set their order is not fixed, and the token must be checked before it is in a path.
      handled(
        { header_regexp: { [verifyHeader]: { name: 'appaloft_token', pattern: '^[a-z0-9]{32,64}$' } } },
        within(
          handled(
            like(of(state), `^/?([0-9a-z]{${rankLength}})~`, 'appaloft_rank'),
            within(
              handled(tokenFile('~*'), saying({ [verified]: '1', [set]: found })),
              handled(tokenFile('none'), saying({ [verified]: '1' })),
            ),
          ),
        ),
      ),
      ...identity(),
      ...(httpsPort === null ? [] : [toHttps(httpsPort)]),
      ...(redirects ? redirections() : []),
      ...proxies(),
      final(null, answer(503, { body: 'Nothing serves this route at the moment.\n' })),
    ],
    errors: {
      routes: [
        // Chosen just before a promotion and tried after the old release ended: nothing was sent yet, so the new one may have it.
        handled(
          { ...like('{http.error.message}', '^dial '), not: [{ vars: isVerified }] },
          saying({ [first]: of(set) }),
          within(
            ...picks('appaloft_again'),
            final({ not: [{ vars: { [of(set)]: [of(first)] } }] }, within(...identity(), ...proxies())),
          ),
        ),
        final(null, answer('{http.error.status_code}')),
      ],
    },
  }
}

const prefixTold = (): JsonRecord =>
  handled(
    { vars: { [vars.strip]: ['strip'] }, not: [{ vars: { [vars.prefix]: ['/'] } }] },
    { handler: 'headers', request: { set: { 'X-Forwarded-Prefix': [of(vars.prefix)] } } },
  )

function identity(): JsonRecord[] {
  return [
    handled(
      like(of(set), '~[av]~([A-Za-z0-9_.-]+)~[1-9]', 'appaloft_who'),
      saying({ [deployment]: '{http.regexp.appaloft_who.1}' }),
      { handler: 'headers', request: { set: { [identityHeader]: ['{http.regexp.appaloft_who.1}'] } } },
    ),
    {
      match: [{ vars: isVerified, ...like(of(set), '~[av]~[^-]') }, like(of(set), '~a~[^-]')],
      handle: [{ handler: 'headers', response: { set: { [identityHeader]: [of(deployment)] } } }],
    },
  ]
}

/** Requests with the token are answered here: the engine asks without certificates. */
const toHttps = (port: number): JsonRecord =>
  final(
    { vars: { [vars.tls]: ['auto'] }, not: [{ vars: isVerified }] },
    redirect(`https://{http.request.host}${port === 443 ? '' : `:${port}`}{http.request.orig_uri}`),
  )

function redirections(): JsonRecord[] {
  const to = of(vars.to)
  const kind = (name: string): JsonRecord => ({ vars: { [vars.redirect]: [name] } })
  const here = `{http.request.scheme}://${to}`
  return [
    final(kind('url'), redirect(`${to}{http.request.uri}`)),
    // The port that was asked, where one was.
    handled(
      kind('name'),
      within(
        final(like('{http.request.port}', '^[0-9]{1,5}$'), redirect(`${here}:{http.request.port}{http.request.uri}`)),
      ),
    ),
    final({ vars: { [vars.redirect]: ['name', 'place'] } }, redirect(`${here}{http.request.uri}`)),
  ]
}

/** One way through for each number of addresses, which a marker's name gives. */
const proxies = (): JsonRecord[] => Array.from({ length: mostAddresses }, (_, at) => proxy(at + 1))

function proxy(count: number): JsonRecord {
  const sources: Json[] = Array.from({ length: count }, (_, at) => ({
    // An address stands for itself: nothing is looked up, and Caddy counts the requests of each.
    source: 'a',
    name: `{http.regexp.appaloft_up.${2 * at + 1}}`,
    port: `{http.regexp.appaloft_up.${2 * at + 2}}`,
  }))
  const spread = { selection_policy: { policy: 'round_robin' }, retries: 4 * count }
  return final(like(of(set), `~${count}${'~([^~]+)_([0-9]+)'.repeat(count)}$`, 'appaloft_up'), {
    handler: 'reverse_proxy',
    dynamic_upstreams: count === 1 ? sources[0]! : { source: 'multi', sources },
    ...(count === 1 ? {} : { load_balancing: spread }),
    headers: {
      request: { delete: [verifyHeader] },
      response: { delete: [identityHeader] },
    },
    transport: {
      protocol: 'http',
      // Bodies pass as they are.
      compression: false,
      dial_timeout: '3s',
      // Below what servers usually wait for the next request: the one who closes first meets no request on its way.
      keep_alive: { idle_timeout: '3s', max_idle_conns_per_host: 64 },
    },
  })
}
