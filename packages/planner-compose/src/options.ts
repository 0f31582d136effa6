/** Bounds of what is read, so that no file keeps a planner busy. What lies beyond is refused with `compose-invalid`. */
export const limits = {
  /** Bytes of one file. */
  fileBytes: 256 * 1024,
  /** Bytes of one environment file. */
  dotenvBytes: 64 * 1024,
  /** Characters that variables are replaced by, in all files together. */
  substituted: 1024 * 1024,
  /** Files read for one project: Compose files, included and extended ones, environment files. Each time counts. */
  files: 100,
  /** Tokens of YAML in all files together. */
  tokens: 40_000,
  /** Mappings, lists and scalars in all files together, aliases written out and services extended. */
  nodes: 100_000,
  /** How deep mappings and lists are nested, and how deep a default stands in another (`${A:-${B:-c}}`). */
  depth: 64,
  /** Host and container ports that ranges of one project stand for. */
  ports: 5_000,
  /** Columns by which a line is indented. */
  indent: 512,
} as const
