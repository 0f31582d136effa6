import type { ReasonCode } from '../spec/codes.js'
import { AppaloftError, type AppaloftErrorOptions } from '../spec/errors.js'
import type { JsonObject } from '../spec/json.js'
import { quoted } from './paths.js'

/** An error of `detect`. Messages name entries of the source by relative path, and its place by its last part alone. */
export const detectError = (code: ReasonCode, message: string, rest: Omit<AppaloftErrorOptions, 'message'> = {}) =>
  new AppaloftError(code, { phase: 'detect', message, ...rest })

/** What is wrong with a source that cannot be read, as `details.cause` tells it, and what to do about it. */
const remedies = {
  absent: 'Check that the path exists.',
  denied: 'Let this user read it; what does not belong to the source, list in .appaloftignore.',
  'link-outside':
    'Put what the link leads to into the source, or remove the link; in a folder, .appaloftignore can leave it out.',
  'special-file': 'Remove it; in a folder, .appaloftignore can leave it out.',
  'too-large': 'Take out what does not belong to the source; in a folder, .appaloftignore can leave it out.',
  name: 'Rename it; in a folder, .appaloftignore can leave it out.',
  'not-a-source': 'Name a folder, a .zip or .tar.gz file, or a git repository.',
  changing: 'Try again when nothing writes to the source.',
  damaged: 'Pack the archive anew, with plain files, folders and links inside it.',
  'another-archive': 'Give the sha256 of this archive, or name the archive that was meant.',
  url: 'Give an https URL, or for git one of ssh.',
  fetch: 'Check the URL and the network, then try again.',
  program: 'Install it on the machine that deploys.',
  repository: 'Check the URL, and that these credentials may read the repository.',
  owner: 'Name the repository by an https or ssh URL, or let the user who deploys own it.',
  unknown: 'Check that it exists and that this user may read it.',
  submodules: 'Mend the submodules of the repository, or deploy without them.',
} as const

export type UnreadableCause = keyof typeof remedies

export const unreadable = (
  why: UnreadableCause,
  message: string,
  details: JsonObject = {},
  cause?: unknown,
  retriable = false,
) =>
  detectError('source-unreadable', message, {
    details: { cause: why, ...details },
    recoveryHint: remedies[why],
    cause,
    retriable,
  })

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

const causes: Record<string, [cause: UnreadableCause, words: string]> = {
  EACCES: ['denied', 'this user may not read it'],
  EPERM: ['denied', 'this user may not read it'],
  ENOENT: ['absent', 'it does not exist'],
  ENOTDIR: ['not-a-source', 'it is not a folder'],
  ELOOP: ['link-outside', 'it is a symbolic link, or a circle of them'],
  ENAMETOOLONG: ['name', 'its path is too long'],
  EIO: ['unknown', 'the disk reports an error'],
}

/** A failed system call on an entry of a source. The system's own message is not used: it holds absolute paths. */
export function unreadableEntry(path: string, error: unknown) {
  const code = errorCode(error)
  const [cause, why] = causes[code ?? ''] ?? ['unknown', code ?? 'an unknown error']
  return unreadable(
    cause,
    `${quoted(path)} cannot be read: ${why}.`,
    { path, ...(code ? { systemCode: code } : {}) },
    error,
  )
}
