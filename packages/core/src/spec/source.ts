import { z } from 'zod'
import { object, strictObject } from './schema.js'

const baseDirectory = () => z.string().max(1024).optional()

/** Where an application comes from. Each kind may carry `baseDirectory`: a relative directory inside the source. */
export const sourceSchema = z.discriminatedUnion('kind', [
  strictObject(() => ({ kind: z.literal('local-folder'), path: z.string().min(1), baseDirectory: baseDirectory() })),
  strictObject(() => ({
    kind: z.literal('git-repository'),
    url: z.string().min(1),
    gitRef: z.string().min(1).optional(),
    commitSha: z
      .string()
      .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a full commit id in lower-case hex')
      .optional(),
    /** Also fetch submodules. Default false. */
    submodules: z.boolean().optional(),
    /** Also fetch files kept by git LFS. Default false. */
    lfs: z.boolean().optional(),
    baseDirectory: baseDirectory(),
  })),
  strictObject(() => ({ kind: z.literal('docker-image'), image: z.string().min(1), baseDirectory: baseDirectory() })),
  strictObject(() => ({
    kind: z.literal('compose-file'),
    path: z.string().min(1),
    files: z.array(z.string().min(1)).optional(),
    baseDirectory: baseDirectory(),
  })),
  strictObject(() => ({
    kind: z.literal('archive'),
    path: z.string().min(1).optional(),
    url: z.string().min(1).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    baseDirectory: baseDirectory(),
  })).refine((s) => (s.path === undefined) !== (s.url === undefined), 'exactly one of path and url'),
])
export type Source = z.infer<typeof sourceSchema>
export type SourceKind = Source['kind']

/** What a source was when it was read: enough to know it again, and to show it. No absolute path. */
export const sourceIdentitySchema = object(() => ({
  kind: z.enum(['local-folder', 'git-repository', 'docker-image', 'compose-file', 'archive']),
  /** Equal digests: equal content. For a folder, sha256 over the manifest (path, mode, sha256 of each file). */
  digest: z.string(),
  gitRef: z.string().optional(),
  commitSha: z.string().optional(),
  image: z.string().optional(),
  /** The URL without user information. */
  url: z.string().optional(),
  /** The last part of a local path: a name for people. */
  name: z.string().optional(),
  baseDirectory: z.string(),
  files: z.number().int().optional(),
  bytes: z.number().int().optional(),
}))
export type SourceIdentity = z.infer<typeof sourceIdentitySchema>

export interface TreeEntry {
  name: string
  type: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes, for files. */
  size?: number
}

/**
 * Pure reads of a source, as planners see it. Paths are relative, with `/`; a path that would leave the tree, or leads through a
 * symbolic link out of it, is as if it did not exist. Lists are sorted by name (code units), so that the same tree gives the same answer.
 */
export interface SourceTree {
  /** Is there a file (or, with a trailing `/`, a directory)? */
  has(path: string): Promise<boolean>
  /**
   * The file's text as UTF-8 without a byte-order mark, or null where there is no regular file.
   * At most `maxBytes` (default 1 MiB) are read: a longer file is cut there.
   */
  readText(path: string, options?: { maxBytes?: number }): Promise<string | null>
  /** The entries of a directory, sorted; empty where there is none. */
  list(directory?: string): Promise<TreeEntry[]>
  /**
   * Files that match a pattern (`*` within a name, `**` over directories, `{a,b}`), sorted. Dependency, VCS and output folders are
   * not entered unless the pattern names them. At most `limit` (default 1,000).
   */
  glob(pattern: string, options?: { limit?: number }): Promise<string[]>
}
