/** Bounds of what the planner reads and the port it names where PORT is honoured without a default. */
export const limits = {
  /** Files followed from an entry file through relative imports. */
  entryFiles: 30,
  /** Bytes read of one source file. */
  sourceBytes: 262_144,
  /** How often a script that only calls another script is followed. */
  scriptDepth: 5,
} as const

export const defaultPort = 3000
