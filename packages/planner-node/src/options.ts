/** Bounds of what the planner reads and the port it names where PORT is honoured without a default. */
export const limits = {
  /** Files followed from an entry file through relative imports. */
  entryFiles: 30,
  /** Bytes read of one source file. */
  sourceBytes: 262_144,
  /** How often a script that only calls another script is followed. */
  scriptDepth: 5,
  /** Characters of one script of package.json, and of a line of a settings file. */
  scriptCharacters: 8192,
  lineCharacters: 1000,
  /** Bytes read of one settings file or of a package.json of a workspace. */
  settingsBytes: 262_144,
  /** Characters of a settings file in JSON with comments. */
  looseCharacters: 131_072,
  /** Characters of a settings file in YAML, and how deep it nests. */
  yamlCharacters: 65_536,
  yamlDepth: 40,
  /** Bytes read of a lockfile, whose format is told at its beginning. */
  lockfileBytes: 4096,
  /** Patterns of a workspace, and wildcards in one of them. */
  patterns: 200,
  wildcards: 6,
  /** Directories looked into for packages of a workspace, and packages read. */
  directories: 2000,
  packages: 1000,
} as const

export const defaultPort = 3000
