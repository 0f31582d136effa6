import type { Command, Evidence, PlannedCommand, Reason } from '@appaloft/core/spec'
import type { Build } from './frameworks/types.js'
import type { PackageManager } from './managers/package-manager.js'
import type { Found } from './recognise.js'

export type Outcome =
  | {
      kind: 'server'
      start: PlannedCommand
      /** What the start comes to, for the search of the port. */
      line: string
      signal: string
      /** The name of the script of package.json that `start` runs. */
      script?: string
      /** Where the framework's own server listens when nobody sets PORT, where it honours PORT. */
      port?: number
    }
  | { kind: 'static'; publishDirectory: string; spaFallback: boolean }
  | { kind: 'blocked'; reason: Reason }
  /** Nothing here is meant to be deployed: a library, a workspace root. */
  | { kind: 'none' }

export interface Application {
  found: Found | null
  /** The framework's name and version as the preview shows them. */
  named?: { name: string; version: string }
  outcome: Outcome
  /** What builds it, where that is not the usual build. */
  build?: Build
  /** What is left to be done once it is built. */
  package?: Command
  evidence: Evidence[]
  warnings: Reason[]
}

export type Manager = Pick<PackageManager, 'name' | 'program'>
