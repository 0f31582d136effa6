/** The parts of an image reference, by the grammar of the distribution project. */
export interface ImageReference {
  /** The registry's host, with its port where one is given: `docker.io`, `localhost:5000`. What credentials are asked for. */
  registry: string
  /** `library/nginx`, `acme/web/api`. */
  repository: string
  tag?: string
  /** `sha256:…`. It decides where there is a tag as well. */
  digest?: string
  /** In full, with the tag `latest` where neither tag nor digest is given. */
  canonical: string
}

/** What is wrong, in a sentence without the credentials that the text may hold, and the reference that was probably meant. */
export interface ImageReferenceFault {
  fault: string
  suggestion?: string
}

export const isImageReferenceFault = (result: ImageReference | ImageReferenceFault): result is ImageReferenceFault =>
  'fault' in result

const lengthLimit = 1024
const hub = 'docker.io'
const component = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const host = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`)
const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/+/
const hexDigits: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 }

const fault = (message: string, suggestion?: string): ImageReferenceFault => {
  if (suggestion === undefined) return { fault: message }
  // What is mended may hold the next mistake.
  const meant = parseImageReference(suggestion)
  const good = isImageReferenceFault(meant) ? meant.suggestion : suggestion
  return { fault: message, ...(good === undefined ? {} : { suggestion: good }) }
}

/** Reads `[registry/]name[:tag][@digest]`. A name without a registry is one of Docker Hub, without a namespace one of its `library`. */
export function parseImageReference(text: string): ImageReference | ImageReferenceFault {
  if (text.trim() === '') return fault('It is empty.')
  if (text.length > lengthLimit) return fault(`It is longer than ${lengthLimit} characters.`)
  if (/\s/.test(text)) return fault('It holds white space.', text.replace(/\s+/g, ''))
  const [before] = scheme.exec(text) ?? []
  if (before !== undefined) return fault(`It begins with the scheme ${before}.`, withoutUser(text.slice(before.length)))
  if (text !== withoutUser(text)) {
    return fault('It holds a user before the registry: credentials are given elsewhere.', withoutUser(text))
  }
  if (/^[0-9a-f]{64}$/.test(text)) return fault('It is the id of an image, which no registry knows.')

  const at = text.indexOf('@')
  const named = at === -1 ? text : text.slice(0, at)
  const digest = at === -1 ? undefined : text.slice(at + 1)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const name = colon === -1 ? named : named.slice(0, colon)
  const tag = colon === -1 ? undefined : named.slice(colon + 1)
  return digestFault(name, tag, digest) ?? tagFault(name, tag) ?? assemble(name, tag, digest)
}

/** Does it hold a user, and perhaps a password, before its registry? Then it may not be shown. */
export const holdsUser = (text: string): boolean => {
  const bare = text.replace(scheme, '')
  return bare !== withoutUser(bare)
}

const withoutUser = (text: string): string => text.replace(/^[^/@]*@(?=[^/]*\/)/, '')

function digestFault(name: string, tag: string | undefined, digest: string | undefined): ImageReferenceFault | null {
  if (digest === undefined) return null
  const [algorithm = '', hex = '', ...more] = digest.split(':')
  if (more.length > 0) {
    return fault('The tag stands before the digest, not after it.', `${name}:${more.join(':')}@${algorithm}:${hex}`)
  }
  const length = Object.hasOwn(hexDigits, algorithm) ? hexDigits[algorithm] : undefined
  const before = tag === undefined ? name : `${name}:${tag}`
  if (length === undefined) {
    return fault('After the @ stands a digest, as sha256: and 64 hexadecimal digits.', `${name}:${digest}`)
  }
  if (hex.length !== length)
    return fault(`A ${algorithm} digest has ${length} hexadecimal digits, this one ${hex.length}.`)
  if (/^[0-9a-f]+$/.test(hex)) return null
  return fault('A digest is written in the digits 0 to 9 and a to f.', `${before}@${algorithm}:${hex.toLowerCase()}`)
}

function tagFault(name: string, tag: string | undefined): ImageReferenceFault | null {
  if (tag === undefined || /^\w[\w.-]{0,127}$/.test(tag)) return null
  if (tag === '') return fault('The tag after the colon is missing.', name)
  if (tag.length > 128) return fault('A tag has at most 128 characters.')
  return fault('A tag is made of letters, digits, _ . and -, and begins with none of the last two.')
}

function assemble(
  name: string,
  tag: string | undefined,
  digest: string | undefined,
): ImageReference | ImageReferenceFault {
  const rest = (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const hasRegistry = first === 'localhost' || /[.:]/.test(first)
  const given = hasRegistry ? first : hub
  if (!host.test(given)) return fault(`${JSON.stringify(given)} is not the host of a registry.`)
  const path = hasRegistry ? name.slice(slash + 1) : name
  const parts = path.split('/')
  if (name === '') return fault('The name of the repository is missing.')
  if (parts.includes('')) return fault('A part between its slashes is empty.', tidy(name) + rest)
  if (path !== path.toLowerCase()) {
    const lower = (hasRegistry ? `${first}/` : '') + path.toLowerCase()
    return fault('The name of a repository is written in lower case.', lower + rest)
  }
  const wrong = parts.find((part) => !component.test(part))
  if (wrong !== undefined) {
    return fault(`${JSON.stringify(wrong)} may hold letters and digits, and between them . _ __ or -.`)
  }
  const registry = given === 'index.docker.io' ? hub : given
  const repository = registry === hub && parts.length === 1 ? `library/${path}` : path
  if (repository.length > 255) return fault('The name of a repository has at most 255 characters.')
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
    canonical: `${registry}/${repository}${rest === '' ? ':latest' : rest}`,
  }
}

const tidy = (name: string): string =>
  name
    .split('/')
    .filter((part) => part !== '')
    .join('/')
