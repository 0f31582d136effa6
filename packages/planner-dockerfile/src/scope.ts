import type { Lookup } from './expand.js'
import { expand } from './expand.js'
import type { Instruction } from './instructions.js'
import { limits } from './options.js'
import { readArgs } from './pairs.js'

/** What the profile gives to the build. */
export interface BuildInputs {
  args: Readonly<Record<string, string>>
  /** Variables of the build whose values a planner never sees. */
  variables: ReadonlySet<string>
}

/** Names with their values: null for one that only the build knows. */
export type Scope = Map<string, string | null>

export const lookupIn =
  (scope: Scope): Lookup =>
  (name) =>
    scope.get(name)

/** Beyond the bound new names are left out: they count as unset. */
export function assign(scope: Scope, name: string, value: string | null): void {
  if (scope.has(name) || scope.size < limits.variables) scope.set(name, value)
}

// Which platform is built is the target's affair. Where FROM chooses a stage by it, the stages are taken to be alike.
const platform = { OS: 'linux', ARCH: 'amd64', VARIANT: '', PLATFORM: 'linux/amd64' }

export const platformNames: ReadonlySet<string> = new Set(
  ['BUILD', 'TARGET'].flatMap((side) => Object.keys(platform).map((name) => side + name)),
)

/** What FROM sees: the platform and each ARG before the first FROM, in order. */
export function globalScope(globals: readonly Instruction[], inputs: BuildInputs, escape: string): Scope {
  const scope: Scope = new Map()
  for (const side of ['BUILD', 'TARGET']) {
    for (const [name, value] of Object.entries(platform)) scope.set(side + name, value)
  }
  for (const { rest } of globals) {
    for (const [name, text] of readArgs(rest, escape) ?? []) {
      const value = given(name, inputs) ?? (text === undefined ? undefined : valueOf(text, scope, escape))
      if (value !== undefined) assign(scope, name, value)
      else if (inputs.variables.has(name)) assign(scope, name, null)
    }
  }
  return scope
}

/** The value of an ARG inside of a stage: of the profile, its default, else that of the same name before the first FROM. */
export function argValue(
  name: string,
  text: string | undefined,
  { scope, globals, inputs, escape }: { scope: Scope; globals: Scope; inputs: BuildInputs; escape: string },
): string | null | undefined {
  const value = given(name, inputs)
  if (value !== undefined) return value
  if (inputs.variables.has(name)) return null
  if (text !== undefined) return valueOf(text, scope, escape)
  return platformNames.has(name) ? null : globals.get(name)
}

const given = (name: string, { args }: BuildInputs): string | undefined =>
  Object.hasOwn(args, name) ? args[name] : undefined

/** Throws `Unexpandable`. */
export function valueOf(text: string, scope: Scope, escape: string): string | null {
  const { text: value, unknown } = expand(text, lookupIn(scope), escape)
  return unknown ? null : value
}
