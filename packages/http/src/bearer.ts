import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { AppaloftError } from '@appaloft/core/spec'
import type { Authorize, AuthorizeInput, Scope } from './authorize.js'

export interface BearerTokenOptions {
  /** What the owner of a token may see; undefined: everything. Called only for a token that is known. */
  scopeOf?(token: string, input: AuthorizeInput): Scope | undefined | Promise<Scope | undefined>
}

const shortest = 16

/**
 * An `authorize` hook that lets in who sends `Authorization: Bearer TOKEN` with one of these tokens. Digests are compared, all of them and
 * in constant time, so that an answer's time tells nothing about a token. Tokens shorter than 16 characters are refused with
 * `invalid-composition`: an unset environment variable does not become a password.
 *
 * @example createHandler(appaloft, { authorize: bearerToken([token]) })
 */
export function bearerToken(tokens: string | readonly string[], options: BearerTokenOptions = {}): Authorize {
  const all = [tokens ?? []].flat()
  if (all.length === 0 || all.some((one) => typeof one !== 'string' || one.length < shortest))
    throw new AppaloftError('invalid-composition', {
      message: `bearerToken needs tokens of at least ${shortest} characters.`,
    })
  const key = randomBytes(32)
  const digest = (token: string) => createHmac('sha256', key).update(token).digest()
  const known = all.map((token) => ({ token, digest: digest(token) }))
  return async (input) => {
    const given = /^bearer +(\S{1,4096})$/i.exec(input.request.headers.get('authorization') ?? '')?.[1]
    const asked = digest(given ?? '')
    let found: string | undefined
    for (const one of known) if (timingSafeEqual(one.digest, asked)) found = one.token
    if (given === undefined || found === undefined) return { allow: false }
    const scope = await options.scopeOf?.(found, input)
    return scope === undefined ? { allow: true } : { allow: true, scope }
  }
}
