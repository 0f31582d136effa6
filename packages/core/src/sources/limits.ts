/**
 * What a source may hold, ignored files excepted. More is refused with `source-unreadable`: a folder too much by mistake, an archive or
 * a repository made to fill the disk.
 */
export interface SourceLimits {
  /** Bytes of all files together, unpacked. */
  bytes: number
  /** Files, links and directories. */
  entries: number
}

/** 2 GiB and 200,000 entries. */
export const defaultLimits: SourceLimits = { bytes: 2 * 1024 ** 3, entries: 200_000 }
