import { AppaloftError, identityHeader, type Proxy, verifyHeader } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { forwarding, framing, type Habits, passable, soundHabits } from './proxy/habits.js'
import { TinyProxy } from './proxy/tiny.js'
import { token } from './proxy/world.js'
import { proxyConformance } from './proxy.js'

interface Defect {
  habits?: Partial<Habits>
  methods?(tiny: TinyProxy): Partial<Proxy>
  restart?(tiny: TinyProxy): Promise<void>
}

const later = (ms: number, action: () => void): void => void setTimeout(action, ms)

/** For each case proxies that are wrong in one way, which the case must notice; all else about them is sound. */
const broken: Record<string, Record<string, Defect>> = {
  'proxy.observe.unknown': {
    'invents an empty table': {
      methods: ({ proxy }) => ({
        observe: async (id) => {
          const found = await proxy.observe(id)
          return {
            ...found,
            table: found.table ?? { routes: [], live: null, staged: null, verify: null, identity: 'always' },
          }
        },
      }),
    },
    'begins with a fence': { methods: () => ({ mark: async () => 1 }) },
  },
  'proxy.observe.equals-applied': {
    'forgets the verification': {
      methods: ({ proxy }) => ({
        observe: async (id) => {
          const found = await proxy.observe(id)
          return { ...found, table: found.table && { ...found.table, verify: null } }
        },
      }),
    },
    'keeps the first table': {
      methods: ({ proxy }) => ({
        apply: async (id, table, mark) => proxy.apply(id, (await proxy.observe(id)).table ?? table, mark),
      }),
    },
  },
  'proxy.apply.replaces': {
    'adds to what was there': {
      methods: ({ proxy }) => ({
        apply: async (id, table, mark) => {
          const before = (await proxy.observe(id)).table?.routes ?? []
          await proxy.apply(id, { ...table, routes: [...before, ...table.routes] }, mark)
        },
      }),
    },
  },
  'proxy.apply.idempotent': {
    'refuses what it has': {
      methods: ({ proxy }) => ({
        apply: async (id, table, mark) => {
          if ((await proxy.observe(id)).table !== null) throw new AppaloftError('conflict')
          await proxy.apply(id, table, mark)
        },
      }),
    },
  },
  'proxy.apply.abort': {
    'ignores the signal of apply': {
      methods: ({ proxy }) => ({ apply: (id, table, mark) => proxy.apply(id, table, mark) }),
    },
    'ignores the signal of fence': {
      methods: ({ proxy }) => ({ fence: (id, mark, { signal: _, ...rest }) => proxy.fence(id, mark, rest) }),
    },
    'rejects, and does it': {
      methods: ({ proxy }) => ({
        apply: async (id, table, mark, options) => {
          await proxy.apply(id, table, mark)
          options?.signal?.throwIfAborted()
        },
      }),
    },
  },
  'proxy.fence.compare': {
    'raises it from anywhere': {
      methods: ({ proxy }) => ({
        fence: async (id, mark, options) => proxy.fence(id, mark, { ...options, expected: await proxy.mark(id) }),
      }),
    },
  },
  'proxy.fence.same-owner': {
    'refuses the second time': {
      methods: ({ proxy }) => ({
        fence: async (id, mark, options) => {
          if ((await proxy.mark(id)) >= mark) throw new AppaloftError('fenced')
          await proxy.fence(id, mark, options)
        },
      }),
    },
    'lets anybody have the token': {
      methods: ({ proxy }) => ({
        fence: async (id, mark, options) => {
          if ((await proxy.mark(id)) !== mark) await proxy.fence(id, mark, options)
        },
      }),
    },
  },
  'proxy.fence.never-lowered': {
    'lowers it': {
      methods: (tiny) => ({
        fence: async (id, mark, { owner }) => void tiny.disk.entries.set(id, { ...tiny.entry(id), token: mark, owner }),
      }),
    },
  },
  'proxy.fence.one-winner': {
    'looks, then writes': {
      methods: (tiny) => ({
        fence: async (id, mark, { expected, owner }) => {
          if (tiny.entry(id).token !== expected) throw new AppaloftError('fenced')
          await new Promise((resolve) => setTimeout(resolve, 5))
          tiny.disk.entries.set(id, { ...tiny.entry(id), token: mark, owner })
        },
      }),
    },
  },
  'proxy.fence.refuses-effects': {
    'applies for anybody': {
      methods: ({ proxy }) => ({ apply: (id, table) => proxy.apply(id, table, Number.MAX_SAFE_INTEGER) }),
    },
    'removes for anybody': { methods: ({ proxy }) => ({ remove: (id) => proxy.remove(id, Number.MAX_SAFE_INTEGER) }) },
    'cuts for anybody': {
      methods: ({ proxy }) => ({ cut: (id, dep) => proxy.cut!(id, dep, Number.MAX_SAFE_INTEGER) }),
    },
    'refuses the holder too': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          const { token: fence } = tiny.entry(id)
          if (fence > 1 && mark <= fence) throw new AppaloftError('fenced')
          await tiny.proxy.apply(id, table, mark)
        },
      }),
    },
  },
  'proxy.conflict': {
    'gives a route to the last who asks': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          tiny.assertFree = () => {}
          await tiny.proxy.apply(id, table, mark)
        },
      }),
    },
    'refuses half-way': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          tiny.serve(id, table)
          await tiny.proxy.apply(id, table, mark)
        },
      }),
    },
    'never frees a route': { methods: (tiny) => ({ remove: async (id) => tiny.serve(id, null) }) },
  },
  'proxy.remove': {
    'serves on': {
      methods: (tiny) => ({
        remove: async (id) => {
          tiny.entry(id).table = null
        },
      }),
    },
    'forgets the fence': {
      methods: (tiny) => ({
        remove: async (id) => {
          tiny.disk.entries.delete(id)
          tiny.serve(id, null)
        },
      }),
    },
    'removes only once': {
      methods: ({ proxy }) => ({
        remove: async (id, mark) => {
          if ((await proxy.observe(id)).table === null) throw new AppaloftError('resource-not-found')
          await proxy.remove(id, mark)
        },
      }),
    },
    'removes everybody': {
      methods: (tiny) => ({
        remove: async (id, mark) => {
          tiny.served.clear()
          await tiny.proxy.remove(id, mark)
        },
      }),
    },
  },
  'proxy.restart': {
    'forgets its tables': {
      restart: async (tiny) => {
        for (const entry of tiny.disk.entries.values()) entry.table = null
        await tiny.restart()
      },
    },
    'forgets its fences': {
      restart: async (tiny) => {
        for (const entry of tiny.disk.entries.values()) entry.token = 0
        await tiny.restart()
      },
    },
    'comes back elsewhere': {
      restart: async (tiny) => {
        await tiny.restart()
        tiny.disk.sharedPort = await tiny.listen(0, null)
      },
    },
  },
  'proxy.restart.resource-port': {
    'comes back elsewhere': {
      restart: async (tiny) => {
        await tiny.restart()
        for (const [id, entry] of tiny.disk.entries) entry.port = await tiny.listen(0, id)
      },
    },
  },

  'proxy.route.passes-on': {
    'decodes the path': { habits: { upstreamPath: (_route, url) => url.replace('%7E', '~') } },
    'drops the query': { habits: { upstreamPath: (_route, url) => url.split('?')[0]! } },
    'drops the body': {
      habits: {
        send: (_req, up) => void up.end(),
        requestHeaders: (req) => passable(req.rawHeaders, 'content-length'),
      },
    },
  },
  'proxy.route.hostname': {
    'serves any hostname': { habits: { hostFits: () => true } },
    'minds the case': { habits: { hostFits: (pattern, host) => pattern === host.replace('other', 'Other') } },
    'signs what nobody answered': { habits: { headersOfNobody: [identityHeader, 'dep_nobody'] } },
  },
  'proxy.route.wildcard': {
    'forgets the dot': { habits: { hostFits: (pattern, host) => host.endsWith(pattern.replace(/^\*\./, '')) } },
    'puts the wildcard first': {
      habits: { rank: (a, b) => Number(b.hostname?.startsWith('*')) - Number(a.hostname?.startsWith('*')) },
    },
    'knows no wildcard': { habits: { hostFits: (pattern, host) => pattern === host } },
  },
  'proxy.route.longest-prefix': {
    'takes the shortest': { habits: { rank: (a, b) => a.pathPrefix.length - b.pathPrefix.length } },
    'takes the first': { habits: { rank: () => 0 } },
    'searches the query': { habits: { hasPrefix: (path, prefix) => prefix === '/' || path.includes(prefix) } },
  },
  'proxy.route.segment-border': {
    'cuts segments': { habits: { hasPrefix: (path, prefix) => path.startsWith(prefix) } },
  },
  'proxy.route.preserve-and-strip': {
    'never strips': { habits: { upstreamPath: (_route, url) => url } },
    'always strips': { habits: { upstreamPath: ({ pathPrefix }, url) => url.slice(pathPrefix.length) || '/' } },
    'leaves nothing': {
      habits: {
        upstreamPath: ({ pathHandling, pathPrefix }, url) =>
          pathHandling === 'strip' && url !== pathPrefix
            ? soundHabits.upstreamPath({ pathHandling, pathPrefix } as never, url)
            : url,
      },
    },
  },
  'proxy.route.redirect': {
    'redirects for now': {
      habits: { redirect: (route, req) => ({ ...soundHabits.redirect(route, req), status: 302 }) },
    },
    'drops the query': {
      habits: {
        redirect: (route, req) => {
          const { status, location } = soundHabits.redirect(route, req)
          return { status, location: location.split('?')[0]! }
        },
      },
    },
    'changes the scheme': {
      habits: {
        redirect: (route, req) => {
          const { status, location } = soundHabits.redirect(route, req)
          return { status, location: location.replace('https:', 'http:') }
        },
      },
    },
  },
  'proxy.route.none-live': {
    'answers 200': { habits: { statusOfNoneLive: 200 } },
  },
  'proxy.route.several-addresses': {
    'uses the first only': { habits: { addresses: (all) => all.slice(0, 1) } },
    'gives up on a dead one': {
      habits: { addresses: (all, turn) => all.slice(turn % all.length, (turn % all.length) + 1) },
    },
    'never spreads': { habits: { addresses: (all) => all } },
  },
  'proxy.route.resource-port': {
    'moves at each change': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          tiny.entry(id).port = 0
          await tiny.proxy.apply(id, table, mark)
        },
      }),
    },
    'gives all the same port': {
      methods: (tiny) => ({ endpoint: () => tiny.proxy.endpoint([...tiny.disk.entries.keys()][0]!) }),
    },
  },

  'proxy.staged.token': {
    'knows no staged upstream': { habits: { isVerified: () => false } },
    'signs with the live one': { habits: { identity: (table) => table.live?.deploymentId ?? null } },
  },
  'proxy.staged.only-by-token': {
    'takes any token': { habits: { isVerified: (req) => req.headers[verifyHeader] !== undefined } },
    'takes a longer token': { habits: { isVerified: (req) => String(req.headers[verifyHeader]).startsWith(token) } },
    'takes a shorter token': {
      habits: {
        isVerified: (req) => Boolean(req.headers[verifyHeader]) && token.startsWith(String(req.headers[verifyHeader])),
      },
    },
    'minds no case': { habits: { isVerified: (req) => String(req.headers[verifyHeader]).toLowerCase() === token } },
    'takes the id': {
      habits: { isVerified: (req, table) => req.headers[verifyHeader] === table.verify?.deploymentId },
    },
    'stages where none is live': { habits: { isVerified: (_req, table) => table.live === null } },
  },
  'proxy.staged.token-of-its-resource': {
    'takes every resource’s token': {
      habits: { isVerified: (req, _table, all) => all.some((one) => one.verify?.token === req.headers[verifyHeader]) },
    },
  },
  'proxy.staged.over': {
    'remembers what was staged': (() => {
      const staged = new Map<string, Parameters<Habits['stagedBy']>[0]['staged']>()
      return {
        habits: {
          stagedBy: (table) => {
            const key = table.verify?.token ?? ''
            if (table.staged !== null) staged.set(key, table.staged)
            return staged.get(key) ?? null
          },
        },
      } satisfies Defect
    })(),
  },
  'proxy.staged.token-not-passed-on': {
    'passes it on': {
      habits: { requestHeaders: (req) => [...passable(req.rawHeaders, identityHeader), ...framing(req)] },
    },
    'passes it on in another header': {
      habits: {
        requestHeaders: (req, set) => [
          ...soundHabits.requestHeaders(req, set),
          'X-Was',
          String(req.headers[verifyHeader]),
        ],
      },
    },
    'passes a wrong one on': {
      habits: {
        requestHeaders: (req, set) =>
          req.headers[verifyHeader] === token ? soundHabits.requestHeaders(req, set) : passable(req.rawHeaders),
      },
    },
  },
  'proxy.identity.answer': {
    'believes the upstream': { habits: { answerHeaders: (answer) => passable(answer.rawHeaders) } },
    'adds its own': {
      habits: { answerHeaders: (answer, identity) => [...passable(answer.rawHeaders), identityHeader, identity!] },
    },
    'echoes the client': { habits: { identityAtAnswer: () => null } },
  },
  'proxy.identity.request': {
    'passes the client’s on': {
      habits: { requestHeaders: (req) => [...passable(req.rawHeaders, verifyHeader), ...forwarding(req)] },
    },
  },
  'proxy.identity.verified': {
    'shows it to all': { habits: { identity: (_table, set) => set?.deploymentId ?? null } },
    'hides it from all': { habits: { identity: () => null } },
    'lets the upstream’s through': {
      habits: {
        answerHeaders: (answer, identity) =>
          identity === null ? passable(answer.rawHeaders) : soundHabits.answerHeaders(answer, identity),
      },
    },
  },
  'proxy.identity.error': {
    'signs no error': { habits: { errorHeaders: () => [] } },
  },

  'proxy.http.hop-by-hop': {
    'passes all of the request': {
      habits: { requestHeaders: (req) => [...req.rawHeaders, ...forwarding(req)] },
    },
    'passes all of the answer': {
      habits: {
        answerHeaders: (answer, identity) => [...answer.rawHeaders, ...(identity ? [identityHeader, identity] : [])],
      },
    },
    'ignores the list': {
      habits: {
        answerHeaders: (answer, identity) => [
          ...answer.rawHeaders.filter(
            (_, at, all) => !/^(?:connection|keep-alive|proxy-connection)$/i.test(all[at - (at % 2)]!),
          ),
          ...(identity ? [identityHeader, identity] : []),
        ],
      },
    },
  },
  'proxy.http.forwarded': {
    'says nothing': { habits: { requestHeaders: (req) => passable(req.rawHeaders, verifyHeader, identityHeader) } },
    'changes the host': {
      habits: {
        requestHeaders: (req) => [...passable(req.rawHeaders, 'host'), 'Host', '127.0.0.1', ...forwarding(req)],
      },
    },
  },
  'proxy.http.headers-kept': {
    'joins duplicates': {
      habits: {
        answerHeaders: (answer) =>
          Object.entries(answer.headers).flatMap(([name, value]) => [name, [value].flat().join(', ')]),
      },
    },
    'mends statuses': { habits: { status: (status) => (status === 418 ? 500 : status) } },
  },
  'proxy.http.head': {
    'loses the length': {
      habits: {
        answerHeaders: (answer, identity) => [
          ...passable(answer.rawHeaders, 'content-length'),
          identityHeader,
          identity!,
        ],
      },
    },
  },
  'proxy.http.ranges': {
    'drops the range': {
      habits: { requestHeaders: (req, set) => passable(soundHabits.requestHeaders(req, set), 'range') },
    },
    'drops the validator': {
      habits: { requestHeaders: (req, set) => passable(soundHabits.requestHeaders(req, set), 'if-none-match') },
    },
    'makes parts wholes': { habits: { status: (status) => (status === 206 ? 200 : status) } },
  },
  'proxy.http.large-bodies': {
    'drops what does not fit': {
      habits: {
        answer: (answer, res) => {
          answer.on('data', (chunk: Buffer) => res.writableNeedDrain || res.write(chunk))
          answer.on('end', () => res.end())
        },
      },
    },
  },
  'proxy.http.slow-reader': {
    'piles answers up': {
      habits: {
        answer: (answer, res) => {
          answer.on('data', (chunk: Buffer) => res.write(chunk))
          answer.on('end', () => res.end())
        },
      },
    },
    'piles bodies up': {
      habits: {
        send: (req, up) => {
          req.on('data', (chunk: Buffer) => up.write(chunk))
          req.on('end', () => up.end())
        },
      },
    },
  },
  'proxy.http.streamed-answer': {
    'collects the answer first': {
      habits: {
        answer: (answer, res) => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () => res.end(Buffer.concat(chunks)))
        },
      },
    },
  },
  'proxy.http.head-before-body': {
    'holds the head back': {
      habits: {
        answer: (answer, res) => {
          answer.on('data', (chunk: Buffer) => res.write(chunk))
          answer.on('end', () => res.end())
        },
      },
    },
  },
  'proxy.http.streamed-request': {
    'collects the request first': {
      habits: {
        body: (req, go) => {
          const chunks: Buffer[] = []
          req.on('data', (chunk: Buffer) => chunks.push(chunk))
          req.on('end', () => go(Buffer.concat(chunks)))
        },
        send: (_req, up, body) => void up.end(body),
      },
    },
  },
  'proxy.http.expect-continue': {
    'says nothing': { habits: { answersContinue: false } },
  },
  'proxy.http.trailers': {
    'drops those of answers': {
      habits: {
        answer: (answer, res) => void answer.pipe(res),
      },
    },
    'drops those of requests': { habits: { send: (req, up) => void req.pipe(up) } },
  },
  'proxy.http.cut-answer': {
    'ends it as if whole': {
      habits: {
        answer: (answer, res) => {
          answer.on('error', () => res.end())
          answer.pipe(res)
        },
      },
    },
    'leaves the client waiting': {
      habits: {
        answer: (answer, res) => {
          answer.on('error', () => {})
          answer.pipe(res)
        },
      },
    },
  },
  'proxy.http.client-leaves': {
    'goes on without the client': { habits: { onClientGone: () => {} } },
  },
  'proxy.http.smuggling': {
    'reads what it can': { habits: { lenientParser: true } },
  },

  'proxy.promote.no-request-lost': {
    'opens its connections anew': {
      habits: {
        onSwap: (sockets) => {
          for (const socket of sockets) socket.destroy()
        },
      },
    },
    'is late': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          const before = tiny.served.get(id)
          await tiny.proxy.apply(id, table, mark)
          if (before === undefined) return
          tiny.served.set(id, before)
          later(20, () => tiny.served.set(id, table))
        },
      }),
    },
    'signs with what is live at the end': {
      habits: { identityAtAnswer: (_chosen, present) => present?.live?.deploymentId ?? null },
    },
    'serves nothing for a moment': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          tiny.served.delete(id)
          await new Promise((resolve) => setTimeout(resolve, 1))
          await tiny.proxy.apply(id, table, mark)
        },
      }),
    },
  },
  'proxy.promote.running-requests': {
    'cuts what runs': {
      methods: (tiny) => ({
        apply: async (id, table, mark) => {
          await tiny.proxy.apply(id, table, mark)
          for (const one of tiny.running) one.end()
        },
      }),
    },
  },
  'proxy.upgrade': {
    'does not sign': { habits: { tunnelIdentity: () => '' } },
    'carries one way': { habits: { tunnel: (near, far) => void near.pipe(far) } },
  },
  'proxy.upgrade.outlives-promotion': {
    'opens its connections anew': {
      habits: {
        onSwap: (sockets) => {
          for (const socket of sockets) socket.destroy()
        },
      },
    },
  },
  'proxy.upgrade.ends-together': {
    'leaves the upstream': {
      habits: {
        onTunnelEnd: (_far, forget) => forget(),
        tunnel: (near, far) => {
          near.pipe(far, { end: false })
          far.pipe(near)
        },
      },
    },
    'leaves the client': {
      habits: {
        onFarEnd: () => {},
        tunnel: (near, far) => {
          near.pipe(far)
          far.pipe(near, { end: false })
        },
      },
    },
  },
  'proxy.in-flight.requests': {
    'counts the live one only': {
      methods: ({ proxy }) => ({
        observe: async (id) => {
          const found = await proxy.observe(id)
          const live = found.table?.live?.deploymentId
          return { ...found, inFlight: found.inFlight.filter((one) => one.deploymentId === live) }
        },
      }),
    },
    'counts one too many': {
      methods: ({ proxy }) => ({
        observe: async (id) => {
          const found = await proxy.observe(id)
          return { ...found, inFlight: found.inFlight.map((one) => ({ ...one, count: Number(one.count) + 1 })) }
        },
      }),
    },
    'never counts down': { habits: { onLeave: () => {} } },
  },
  'proxy.in-flight.upgraded': {
    'never counts down': { habits: { onTunnelEnd: () => {} } },
    'does not count them': {
      methods: ({ proxy }) => ({ observe: async (id) => ({ ...(await proxy.observe(id)), inFlight: [] }) }),
    },
  },
  'proxy.in-flight.gone-clients': {
    'never counts down': { habits: { onLeave: () => {} } },
  },
  'proxy.cut': {
    'cuts nothing': { methods: () => ({ cut: async () => {} }) },
    'cuts everything': {
      methods: (tiny) => ({
        cut: async () => {
          for (const one of tiny.running) one.end()
        },
      }),
    },
    'cuts what is live': {
      methods: (tiny) => ({
        cut: async (id, deployment) => {
          for (const one of tiny.running) if (one.resourceId === id && one.deploymentId === deployment) one.end()
        },
      }),
    },
    'cuts only once': {
      methods: ({ proxy }) => {
        const done = new Set<string>()
        return {
          cut: async (id, deployment, mark) => {
            if (done.has(deployment)) throw new AppaloftError('deployment-not-found')
            done.add(deployment)
            await proxy.cut!(id, deployment, mark)
          },
        }
      },
    },
  },
}

describe('a sound proxy', () => {
  for (const one of proxyConformance) {
    it(`passes ${one.id}`, { timeout: 20_000 }, () => one.run({ create: async () => new TinyProxy().subject() }))
  }
})

describe('a broken proxy', () => {
  it('is at hand for every case', () => {
    expect(Object.keys(broken).sort()).toEqual(proxyConformance.map((one) => one.id).sort())
  })

  for (const one of proxyConformance) {
    for (const [what, defect] of Object.entries(broken[one.id] ?? {})) {
      it.concurrent(`fails ${one.id}: ${what}`, { timeout: 30_000 }, async () => {
        const create = async () => {
          const tiny = new TinyProxy(defect.habits)
          return tiny.subject(defect.methods?.(tiny), defect.restart && (() => defect.restart!(tiny)))
        }
        await expect(one.run({ create })).rejects.toThrow()
      })
    }
  }
})
