import { describe, expect, it } from 'vitest'
import { bearerToken } from './bearer.js'

const one = 'a-token-of-one-person'
const two = 'a-token-of-two-people'
const asked = (authorization?: string) => ({
  action: 'deployments.list' as const,
  request: new Request('http://localhost/', authorization === undefined ? {} : { headers: { authorization } }),
})

describe('bearerToken', () => {
  it.each([`Bearer ${one}`, `bearer ${two}`, `BEARER   ${two}`])('lets in %s', async (header) => {
    expect(await bearerToken([one, two])(asked(header))).toEqual({ allow: true })
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    one,
    `Basic ${one}`,
    `Bearer ${one}x`,
    `Bearer ${one.slice(0, -1)}`,
    `Bearer ${one} ${two}`,
    `Bearer ${one.toUpperCase()}`,
    `Bearer ${'x'.repeat(5000)}`,
    'Bearer undefined',
  ])('refuses %s', async (header) => {
    expect(await bearerToken([one, two])(asked(header))).toEqual({ allow: false })
  })

  it('compares whole digests: none of 2,000 strangers comes in', async () => {
    const hook = bearerToken([one, two])
    for (let i = 0; i < 2000; i++)
      expect(await hook(asked(`Bearer a-token-of-stranger-${i}`))).toEqual({ allow: false })
  })

  it('takes one token alone', async () => {
    expect(await bearerToken(one)(asked(`Bearer ${one}`))).toEqual({ allow: true })
  })

  it('gives each token its scope, and asks for none of a stranger', async () => {
    const seen: string[] = []
    const hook = bearerToken([one, two], {
      scopeOf(token) {
        seen.push(token)
        return token === one ? { resourceIds: ['res_a'] } : undefined
      },
    })
    expect(await hook(asked(`Bearer ${one}`))).toEqual({ allow: true, scope: { resourceIds: ['res_a'] } })
    expect(await hook(asked(`Bearer ${two}`))).toEqual({ allow: true })
    expect(await hook(asked('Bearer somebody-else-entirely'))).toEqual({ allow: false })
    expect(seen).toEqual([one, two])
  })

  it.each([[[]], [''], [['']], [[one, 'short']], [[undefined]], [undefined]])('refuses the tokens %j', (tokens) => {
    expect(() => bearerToken(tokens as never)).toThrow(expect.objectContaining({ code: 'invalid-composition' }))
  })
})
