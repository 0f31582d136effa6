import { AppaloftError, type Plan, type ReleaseInput } from '@appaloft/core/spec'

/*
 * A bundle is kept in the store: where the resolved project has a secret, the bundle has a mark. The value stands in its place only in what
 * the engine's API is sent.
 */

const mark = /\{\{appaloft-secret\.([A-Za-z_][A-Za-z0-9_]*)\}\}/g

export const markOf = (name: string): string => `{{appaloft-secret.${name}}}`

/** The secrets that stand in a value, anywhere in it. */
export const secretsIn = (value: unknown): string[] => [
  ...new Set([...JSON.stringify(value ?? null).matchAll(mark)].map(([, name = '']) => name)),
]

/** The same value with the secrets in place. Errors: `secret-unavailable`. */
export function opened<T>(value: T, input: Pick<ReleaseInput, 'environment'>): T {
  if (typeof value === 'string')
    return value.replace(mark, (_, name: string) => {
      const clear = input.environment[name]
      if (clear !== undefined) return clear
      throw new AppaloftError('secret-unavailable', {
        message: `The Compose project asks for the secret ${name} while it runs, and its scope is build.`,
        details: { profileField: `environment.${name}.scope` },
        recoveryHint: `Set environment.${name}.scope to both.`,
      })
    }) as T
  if (Array.isArray(value)) return value.map((one: unknown) => opened(one, input)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, opened(one, input)])) as T
}

/** What tells one value of a secret from another without giving it away. */
export const digestsOf = (names: readonly string[], { environment }: Plan): string[] =>
  names.map((name) => {
    const variable = environment[name]
    return variable !== undefined && 'secret' in variable ? `${name}:${variable.digest}` : name
  })
