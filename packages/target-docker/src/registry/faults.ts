import { AppaloftError, type ErrorCode, type JsonObject } from '@appaloft/core/spec'

export const isDiskFull = (text: string): boolean => /no space left on device|disk quota exceeded/i.test(text)

export type PullFault = 'tag' | 'name' | 'credentials' | 'rate' | 'network' | 'platform' | 'disk' | 'other'

/** In the words of the engine, of BuildKit and of registries. The first that fits decides. */
const signs: readonly [RegExp, PullFault][] = [
  [/no space left on device|disk quota exceeded/i, 'disk'],
  [/toomanyrequests|too many requests|\b429\b|rate limit/i, 'rate'],
  [/no matching manifest for|does not match the specified platform/i, 'platform'],
  [
    /incorrect username or password|unauthorized|no basic auth credentials|\b401\b|authentication required|denied: .*(?:token|permission)|\b403 forbidden/i,
    'credentials',
  ],
  [
    /pull access denied|repository does not exist|name unknown|repository name not known|requested access to the resource is denied|insufficient_scope/i,
    'name',
  ],
  [
    /manifest unknown|not found: manifest|failed to resolve reference .*: not found|: not found$|manifest for .* not found|does not provide the specified platform/i,
    'tag',
  ],
  [
    /no such host|connection refused|i\/o timeout|handshake timeout|network is unreachable|no route to host|server misbehaving|temporary failure in name resolution|x509|certificate|http response to https client|connection reset|\bEOF\b|deadline exceeded|request canceled/i,
    'network',
  ],
]

export const pullFaultOf = (text: string): PullFault => signs.find(([sign]) => sign.test(text))?.[1] ?? 'other'

interface Told {
  code: ErrorCode
  message: (image: string) => string
  /** Default: that of the code. */
  recoveryHint?: string
}

const codes: Record<Exclude<PullFault, 'disk' | 'other'>, Told> = {
  name: {
    code: 'image-not-found',
    message: (image) => `The registry knows no image of the name ${image}, or shows it only to those who may see it.`,
  },
  tag: {
    code: 'image-tag-not-found',
    message: (image) => `The registry has the image, but not this tag or digest: ${image}.`,
  },
  credentials: {
    code: 'registry-auth-failed',
    message: (image) => `The registry did not accept the credentials for ${image}.`,
  },
  rate: {
    code: 'registry-rate-limited',
    message: (image) => `The registry lets no more pulls through for now: ${image}.`,
  },
  network: { code: 'registry-unreachable', message: (image) => `The registry of ${image} could not be reached.` },
  platform: {
    code: 'image-pull-failed',
    message: (image) => `The image ${image} is not offered for the processor of the engine’s machine.`,
    recoveryHint: 'Name an image that is built for this processor, or push one that is.',
  },
}

export interface Chosen {
  /** The profile field that chose the image; null: none did. Default: the source, which is the image. */
  profileField?: string | null
  /** Where the way out is not that of the code. */
  recoveryHint?: string
}

export function pullError(fault: PullFault, image: string, said: string, chosen: Chosen = {}): AppaloftError {
  const details: JsonObject = { image, cause: fault, engine: said.slice(0, 1000) }
  if (chosen.profileField !== undefined) details.profileField = chosen.profileField
  if (fault === 'disk') return new AppaloftError('disk-full', { details })
  const other = { code: 'image-pull-failed' as const, message: pullFailed(said) }
  const { code, message, recoveryHint = chosen.recoveryHint }: Told = fault === 'other' ? other : codes[fault]
  return new AppaloftError(code, { message: message(image), details, ...(recoveryHint ? { recoveryHint } : {}) })
}

const pullFailed = (said: string) => (image: string) => `The image ${image} could not be pulled: ${said.slice(0, 300)}`
