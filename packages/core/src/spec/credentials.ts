/** Hooks that give credentials. Asked at each use, never stored. Null: none for this place. */
export interface Credentials {
  git?(url: string): Promise<GitCredential | null> | GitCredential | null
  registry?(host: string): Promise<RegistryCredential | null> | RegistryCredential | null
}

/** A token or password reaches git through an askpass helper, a key through a 0600 file that is removed after use. */
export type GitCredential = { username?: string; token: string } | { privateKey: string; knownHosts?: string }
export interface RegistryCredential {
  username: string
  password: string
}
