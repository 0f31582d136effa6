/** Bounds of what is read. A file beyond them is refused, so that every answer comes at once. */
export const limits = {
  /** Bytes of a Dockerfile or of a .dockerignore. */
  fileBytes: 262_144,
  stages: 256,
  /** Names that have a value in one stage. */
  variables: 1000,
  /** Characters of one value. */
  valueLength: 8192,
  /** Characters of a value of which `${A#pattern}` takes something away. */
  trimmedLength: 64,
  /** Ports and ranges of one stage. */
  ports: 1000,
  /** How deep `${A:-${B:-…}}` may nest. */
  nesting: 32,
  /** Sources of COPY, ADD and bind mounts that are looked for. */
  sources: 500,
  /** Patterns of a .dockerignore. */
  patterns: 1000,
  /** Entries of a folder that are looked through for one that a .dockerignore brings back. */
  entries: 2000,
  /** Faults that are shown. */
  faults: 10,
} as const

/** The names that a builder looks for by itself, best first. */
export const defaultNames = ['Dockerfile', 'Containerfile', 'dockerfile'] as const
