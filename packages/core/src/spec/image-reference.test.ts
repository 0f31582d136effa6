import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holdsUser, isImageReferenceFault, parseImageReference } from './image-reference.js'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
const read = (text: string) => {
  const result = parseImageReference(text)
  if (isImageReferenceFault(result)) throw new Error(result.fault)
  return result
}
const wrong = (text: string) => {
  const result = parseImageReference(text)
  if (!isImageReferenceFault(result)) throw new Error(`accepted ${text}`)
  return result
}

describe('references', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27-alpine', 'docker.io/library/nginx:1.27-alpine'],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`nginx:1@${digest}`, `docker.io/library/nginx:1@${digest}`],
    ['acme/web', 'docker.io/acme/web:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/library/nginx', 'docker.io/library/nginx:latest'],
    ['ghcr.io/acme/web/api:v1.2.3_rc', 'ghcr.io/acme/web/api:v1.2.3_rc'],
    ['localhost/web', 'localhost/web:latest'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
    ['127.0.0.1:5000/a/b:c', '127.0.0.1:5000/a/b:c'],
    ['[2001:db8::1]:5000/a', '[2001:db8::1]:5000/a:latest'],
    ['Registry.Example.com:443/a', 'Registry.Example.com:443/a:latest'],
    ['a__b/c---d/e.f_g', 'docker.io/a__b/c---d/e.f_g:latest'],
    // A single name with a number after it is a name with a tag, even where a host was meant.
    ['localhost:5000', 'docker.io/library/localhost:5000'],
  ])('%s is %s', (text, canonical) => {
    expect(read(text).canonical).toBe(canonical)
    expect(read(canonical).canonical).toBe(canonical)
  })

  it('names the parts', () => {
    expect(read(`ghcr.io/acme/web:1@${digest}`)).toMatchObject({
      registry: 'ghcr.io',
      repository: 'acme/web',
      tag: '1',
      digest,
    })
    expect(read('nginx')).not.toHaveProperty('tag')
  })
})

describe('mistakes', () => {
  it.each([
    ['https://ghcr.io/acme/web:1', 'ghcr.io/acme/web:1'],
    ['docker://nginx', 'nginx'],
    ['https://ghcr.io//Acme/Web: 1/', 'ghcr.io/acme/web:1'],
    [' nginx ', 'nginx'],
    ['nginx: 1', 'nginx:1'],
    ['Nginx', 'nginx'],
    ['MyName/App:V1', 'myname/app:V1'],
    ['ghcr.io/Acme/Web:1', 'ghcr.io/acme/web:1'],
    ['nginx:', 'nginx'],
    ['acme//web/', 'acme/web'],
    ['/acme/web', 'acme/web'],
    [`nginx@${digest}:1.27`, `nginx:1.27@${digest}`],
    [`nginx@${digest.toUpperCase().replace('SHA', 'sha')}`, `nginx@${digest}`],
    ['nginx@1.27', 'nginx:1.27'],
    ['user:hunter2@ghcr.io/acme/web', 'ghcr.io/acme/web'],
    ['https://user:hunter2@ghcr.io/acme/web', 'ghcr.io/acme/web'],
  ])('%s was meant to be %s', (text, suggestion) => {
    expect(wrong(text).suggestion).toBe(suggestion)
  })

  it.each([
    [''],
    ['   '],
    ['0123456789abcdef'.repeat(4)],
    ['nginx@sha256:abc'],
    [`nginx@md5:${'a'.repeat(32)}`],
    [`nginx:${'a'.repeat(129)}`],
    ['nginx:-1'],
    ['-nginx'],
    ['a..b'],
    ['a___b'],
    ['exa mple.com:99999999/a b'],
    ['-.example.com/a'],
    ['host:port/a'],
    ['a'.repeat(256)],
    ['a'.repeat(2000)],
    ['nginx@'],
  ])('%s has no reference that is surely meant', (text) => {
    const { fault, suggestion } = wrong(text)
    expect(fault).toMatch(/\.$/)
    expect(suggestion === undefined || !isImageReferenceFault(parseImageReference(suggestion))).toBe(true)
  })

  it('keeps credentials to itself', () => {
    for (const text of ['user:hunter2@ghcr.io/a', 'https://user:hunter2@ghcr.io/a', 'user:hunter2@ghcr.io/A b']) {
      expect(JSON.stringify(wrong(text))).not.toContain('hunter2')
    }
  })

  it('tells a user from a digest', () => {
    expect(['user:hunter2@ghcr.io/a', 'https://user@ghcr.io/a'].map(holdsUser)).toEqual([true, true])
    expect([`ghcr.io/a@${digest}`, `a:1@${digest}`, 'a/b'].map(holdsUser)).toEqual([false, false, false])
  })

  it('reads hostile texts at once', () => {
    for (const unit of ['a', 'a-', '-', '.', ':', '@', '/', '_', 'a.', '[', 'a@b/'])
      for (const end of ['', '!', ':', '@']) parseImageReference(unit.repeat(1000).slice(0, 1020) + end)
  })
})

describe('mistakes on mistakes', () => {
  it('a name that is missing altogether', () => {
    expect(wrong(':22-slim')).toEqual({ fault: 'The name of the repository is missing.' })
  })

  it('end, and what is suggested is a reference', () => {
    const piece = fc.constantFrom(
      ...':/@.-_aA0 ',
      'sha256:',
      'localhost',
      'constructor',
      'https://',
      digest,
      'x'.repeat(300),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const result = parseImageReference(pieces.join(''))
        if (isImageReferenceFault(result) && result.suggestion !== undefined) read(result.suggestion)
      }),
      { numRuns: 20_000 },
    )
  })
})
