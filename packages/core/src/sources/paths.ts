import { relativeParts } from '../spec/relative-path.js'

/**
 * A relative path without `.`, `..` and doubled slashes; '' for the root itself, null where it is absolute or leaves the root at any point.
 * Text only: links are somebody else's matter.
 */
export const normalise = (path: string): string | null => relativeParts(path)?.join('/') ?? null

/** Is it as `normalise` would give it, but for one slash at its end? Most paths are: planners ask for thousands of them. */
export const isNormal = (path: string): boolean =>
  !/(?:^|\/)\.{0,2}(?:\/|$)/.test(path.endsWith('/') ? path.slice(0, -1) : path)

export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A name from a source for a message: quoted, so that newlines and escapes cannot forge lines, and bounded. */
export const quoted = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
