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

const units = ['bytes', 'KiB', 'MiB', 'GiB'] as const

/** For messages: `2 GiB`, `2.5 MiB`, `10 bytes`. */
export function sizeText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${Math.round(value * 10) / 10} ${units[unit]}`
}

/** 2 GiB and 200,000 entries. */
export const defaultLimits: SourceLimits = { bytes: 2 * 1024 ** 3, entries: 200_000 }
