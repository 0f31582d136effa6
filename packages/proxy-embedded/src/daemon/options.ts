/** What the process that hosts the daemon decides. */
export interface ProxyDaemonOptions {
  /** The target's state folder, as the client's `open` is told it. The daemon owns the folder `proxy` in it. */
  stateDir: string
  /** Default: `controlSocketPath(stateDir)`, which is where clients look. */
  controlSocket?: string
  /** Where the shared listener for hostnames binds. Default: what a client asked for, kept in the table; else 127.0.0.1. */
  host?: string
  /** Its port. Default: what a client asked for, else the one chosen before, both kept in the table; else a free one. */
  port?: number
  /** A file (at most 2 MiB with its predecessor `.1`), or a function for each line. Lines hold no tokens, paths or queries of requests. */
  log?: string | ((line: string) => void)
  /** How long a request may wait for the head of its answer, in milliseconds. Default 0: no limit, since long polls are legal. */
  headerTimeoutMs?: number
  /** How long a connection to an upstream may take. Default 5000. */
  connectTimeoutMs?: number
}

export interface ProxyDaemon {
  readonly controlSocket: string
  /** Resolves when the daemon has ended, also where another daemon took its control socket over. */
  readonly closed: Promise<void>
  /**
   * Closes the listeners at once, lets requests finish for `graceMs` (default 2000), then cuts what is left. Idempotent. The table
   * stays: the next daemon comes back as this one was.
   */
  close(options?: { graceMs?: number }): Promise<void>
}
