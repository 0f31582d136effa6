/*
 * The fence of a resource is a chain of files, each named after the mark that it follows: `after-5` says who came after 5. Only one can
 * have a name, so of many who raise the same mark one wins, in whichever process. None is ever changed.
 */

/** In the folder of the resource. */
export const fenceFolder = 'fence'

/** What is said by a fence; its begin is compared by those who come after it. */
export const fenceText = (token: number, owner: string): string => JSON.stringify({ token, owner })
export const fenceBegin = (token: number): string => `{"token":${token},`

/** Does who expects this mark come next? */
export const followsFrom = (last: string | null, expected: number): boolean =>
  last === null ? expected === 0 : last.startsWith(fenceBegin(expected))

/** The marks that are followed, the highest first. */
export const chainOf = (names: readonly string[]): number[] =>
  names
    .map((name) => Number(/^after-(\d+)$/.exec(name)?.[1] ?? -1))
    .filter((one) => one >= 0)
    .sort((a, b) => b - a)
