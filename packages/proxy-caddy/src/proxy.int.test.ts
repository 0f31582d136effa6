import { applicable, type ProxyFactory, proxyAbilities, proxyConformance } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { caddyProgram, caddyVersion, noCaddy, startCaddy } from '../test/caddy.js'
import { caddy } from './index.js'

/** A Caddy of its own for each case; `restart` kills it with SIGKILL and starts it on what it had saved. */
const factory: ProxyFactory = {
  async create() {
    const program = await startCaddy()
    const proxy = caddy({ admin: program.admin, http: program.http, https: program.https })
    await proxy.open!({ stateDir: program.folder })
    return {
      proxy,
      restart: async () => {
        await program.kill()
        await program.start()
      },
      close: program.close,
    }
  },
}

/** What Caddy itself does otherwise, and no configuration changes. Up to 2.6 where it says so. */
const notKept: Record<string, { why: string; upTo26: boolean }> = {
  'proxy.http.smuggling': {
    why: 'a length beside chunks is dropped, as the standard allows, and what follows is a request of its own',
    upTo26: false,
  },
  'proxy.http.cut-answer': { why: 'an answer in chunks that breaks off is ended as if it were whole', upTo26: true },
  'proxy.upgrade': { why: 'what an upstream says of itself in a 101 is passed on beside the identity', upTo26: true },
}

describe.skipIf(caddyProgram === null)(`the Caddy proxy (${noCaddy})`, () => {
  const { run, skipped } = applicable(proxyConformance, proxyAbilities(caddy(), ['restart']))
  const old = caddyProgram !== null && /^v?2\.[0-6]\./.test(caddyVersion())

  it('lacks of the abilities that the suite asks for trailers, a port of each resource, and to cut', () => {
    expect([...new Set(skipped.flatMap(({ missing }) => missing))].sort()).toEqual(['cut', 'resource-port', 'trailers'])
  })

  for (const one of run) {
    const known = notKept[one.id]
    if (known === undefined || (known.upTo26 && !old)) it(`${one.id}: ${one.title}`, () => one.run(factory))
    else it(`${one.id} is not kept: ${known.why}`, () => expect(one.run(factory)).rejects.toThrow())
  }
})
