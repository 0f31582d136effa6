import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { AppaloftError } from '../spec/errors.js'
import type { SecretContext, Secrets } from '../spec/secrets.js'
import { type Keys, keysOfText, readKeyFile, readOrCreateKeyFile } from './key.js'

export interface DefaultSecretsOptions {
  stateDir: string
  /** Where `APPALOFT_SECRET_KEY` is looked up, at the first use. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>>
}

const ivBytes = 12
const tagBytes = 16

/** As JSON, so that no two contexts give the same text. */
const bound = ({ resourceId, name, version }: SecretContext) =>
  Buffer.from(JSON.stringify(['appaloft-secret-1', resourceId, name, version]))

/**
 * AES-256-GCM, each value bound to its resource, name and version: a sealed text moved to another place does not open.
 *
 * The key is `APPALOFT_SECRET_KEY` where that is set and not empty: any text, used through HKDF, so long random text is as good as a key
 * and a guessable word is as bad as none. Else it is 32 random bytes in `stateDir/secret.key` (0600), made by the first `seal` or
 * `digest`; `open` never makes one. Nothing is read before the first use. Errors: `secret-unavailable`.
 *
 * A sealed text is `v1.KEYID.DATA`: the data is base64url of nonce, cipher text and tag.
 */
export function defaultSecrets({ stateDir, env = process.env }: DefaultSecretsOptions): Secrets {
  let known: Promise<Keys> | undefined
  const keys = async (create: boolean): Promise<Keys> => {
    if (known !== undefined) return known
    const text = env.APPALOFT_SECRET_KEY
    const loading = text
      ? Promise.resolve(keysOfText(text))
      : create
        ? readOrCreateKeyFile(stateDir)
        : existing(stateDir)
    known = loading
    try {
      return await loading
    } catch (error) {
      // The next call tries again: the file may be there by then.
      if (known === loading) known = undefined
      throw error
    }
  }
  return {
    async seal(context, clear) {
      const { seal, id } = await keys(true)
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', seal, iv, { authTagLength: tagBytes }).setAAD(bound(context))
      const data = Buffer.concat([iv, cipher.update(clear, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `v1.${id}.${data.toString('base64url')}`
    },
    async open(context, sealed) {
      const [, keyId, encoded] = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/.exec(sealed) ?? []
      const data = Buffer.from(encoded ?? '', 'base64url')
      if (data.length < ivBytes + tagBytes) throw unavailable(context, 'what is stored is not a sealed value')
      const { seal, id } = await keys(false)
      if (id !== keyId) throw unavailable(context, 'it was sealed with another key')
      try {
        const decipher = createDecipheriv('aes-256-gcm', seal, data.subarray(0, ivBytes), { authTagLength: tagBytes })
        decipher.setAAD(bound(context)).setAuthTag(data.subarray(-tagBytes))
        return Buffer.concat([decipher.update(data.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
      } catch {
        throw unavailable(context, 'it was changed, or sealed for another resource, name or version')
      }
    },
    async digest(resourceId, name, value) {
      const { digest } = await keys(true)
      return createHmac('sha256', digest)
        .update(JSON.stringify([resourceId, name, value]))
        .digest('hex')
    },
  }
}

async function existing(stateDir: string): Promise<Keys> {
  const keys = await readKeyFile(stateDir)
  if (keys !== null) return keys
  throw new AppaloftError('secret-unavailable', {
    message: 'There is no key: neither APPALOFT_SECRET_KEY nor a key file.',
  })
}

const unavailable = ({ name, version }: SecretContext, why: string) =>
  new AppaloftError('secret-unavailable', {
    message: `The secret ${name} (version ${version}) cannot be opened: ${why}.`,
    details: { name, version },
  })
