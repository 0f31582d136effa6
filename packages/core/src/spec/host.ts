/** A machine on which commands run: this one, or one behind SSH. Every argument list is an argv; no shell is involved. */
export interface Host {
  readonly specVersion: 1
  /** For messages: `local`, `deploy@web1`. */
  readonly key: string
  /**
   * Runs a command to its end. A command that ran and failed is a result; a host that cannot be reached fails with
   * `runtime-backend-unavailable`, a command that does not exist with `command-not-found`, an abort with the signal's reason.
   */
  exec(argv: readonly [string, ...string[]], options?: HostExecOptions): Promise<HostExecResult>
  /** Makes a remote port or socket reachable from here. On the local host it answers with the address itself. */
  forward(
    remote: ForwardTarget,
    options?: { signal?: AbortSignal },
  ): Promise<{ address: ForwardTarget; close(): Promise<void> }>
  /** Copies a local file or folder. Idempotent: what is there with the same content stays. */
  upload(localPath: string, remotePath: string, options?: { signal?: AbortSignal }): Promise<void>
  close(): Promise<void>
}

export interface HostExecOptions {
  cwd?: string
  /** The whole environment of the command: nothing is inherited. */
  env?: Readonly<Record<string, string>>
  /** Written to standard input, which is closed at its end. Default: nothing. */
  input?: string | Uint8Array
  /** Default: none. */
  timeoutMs?: number
  signal?: AbortSignal
  /** Each line as it comes. */
  onLine?(line: { stream: 'stdout' | 'stderr'; text: string }): void
  /** Kept bytes of each stream, from its end. Default 1 MiB. */
  maxBufferBytes?: number
}

export interface HostExecResult {
  /** Null where a signal ended it. */
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
}

export type ForwardTarget = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }
