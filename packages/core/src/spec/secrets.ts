/**
 * Seals the values of secrets before they are stored. The default is AES-256-GCM, bound to resource, name and version, with a key
 * in a 0600 file of the state folder or in `APPALOFT_SECRET_KEY`.
 */
export interface Secrets {
  /** Text that may be stored. Sealing the same value twice may give different texts. */
  seal(context: SecretContext, clear: string): Promise<string>
  /** The value. Fails with `secret-unavailable` when key or context do not match. */
  open(context: SecretContext, sealed: string): Promise<string>
  /** The same for the same value under the same key, and useless without the key: an HMAC. Lower-case hex, 64 characters. */
  digest(resourceId: string, name: string, value: string): Promise<string>
}

export interface SecretContext {
  resourceId: string
  name: string
  version: number
}

/** A sealed secret as the store keeps it. */
export interface SealedSecret extends SecretContext {
  sealed: string
  digest: string
}
