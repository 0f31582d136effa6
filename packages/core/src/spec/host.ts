/** A machine on which commands run: this one, or one behind SSH. Every argument list is an argv; no shell is involved. */
export interface Host {
  readonly specVersion: 1
  /** For messages: `local`, `deploy@web1`. */
  readonly key: string
  /**
   * Runs a command to its end, and what it left running in its process group with it. A command that ran and failed is a result; a host
   * that cannot be reached fails with `runtime-backend-unavailable` (one that refuses: `host-key-unknown`, `host-key-changed`,
   * `host-login-refused`, `host-shell-unusable`), a command or a `cwd` that does not exist with `command-not-found`, a
   * command that outlasts its limit with `timeout`, an abort with the signal's reason; the last two when all of the group has ended.
   * A name without a slash is looked for in the `PATH` of `env`, and where that has none as the host does for its user.
   */
  exec(argv: readonly [string, ...string[]], options?: HostExecOptions): Promise<HostExecResult>
  /**
   * Makes a remote port or socket reachable from here. On the local host it answers with the address itself. `ahead`: a connection may be
   * opened before somebody needs it, which saves time on a long way; who listens there must bear one on which nothing comes for a while.
   */
  forward(remote: ForwardTarget, options?: { signal?: AbortSignal; ahead?: boolean }): Promise<Forwarded>
  /**
   * Copies a local file or folder, so that it lies at `remotePath` itself; folders above are made. Permission bits come along, links
   * inside a folder stay links. Idempotent: what is there with the same content stays, and so does what is there besides. A file is
   * replaced in one step. `invalid-input`: there is no such local file or folder.
   */
  upload(localPath: string, remotePath: string, options?: { signal?: AbortSignal }): Promise<void>
  /** Ends what still runs, and refuses what comes after it, with `runtime-backend-unavailable`. Idempotent. */
  close(): Promise<void>
}

export interface HostExecOptions {
  /** Default: the host's own. */
  cwd?: string
  /** The whole environment of the command: nothing is inherited. Default: empty. */
  env?: Readonly<Record<string, string>>
  /** Written to standard input, which is closed at its end. Default: nothing. */
  input?: string | Uint8Array
  /** Default: none. */
  timeoutMs?: number
  signal?: AbortSignal
  /** Each line as it comes, without its end, in order within its stream; one above 1 MiB in pieces. Throwing ends the command. */
  onLine?(line: { stream: 'stdout' | 'stderr'; text: string }): void
  /** Kept bytes of each stream, from its end. Default 1 MiB. */
  maxBufferBytes?: number
}

export interface HostExecResult {
  /** Null where a signal ended it. */
  exitCode: number | null
  /** `SIGKILL`; null where it ended by itself. */
  signal: string | null
  /** As it was printed, the last newline included. */
  stdout: string
  stderr: string
}

export interface Forwarded {
  /** Where it is reached from here. */
  address: ForwardTarget
  /**
   * Somebody connects within a moment. On a long way a connection is opened for who comes first, and given up where nobody does for 2 s.
   */
  soon?(): void
  /** Whoever listens there has begun anew: connections that wait were made to who listened before, and are given up. Never fails. */
  renew?(): void
  close(): Promise<void>
}

export type ForwardTarget = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }
