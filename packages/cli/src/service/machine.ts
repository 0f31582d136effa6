/** What `service` needs of the machine. Tests give their own. */
export interface Machine {
  /** What starts this program: Node and the file. */
  readonly program: readonly string[]
  /** Undefined where there are no users of this kind. */
  readonly uid: number | undefined
  readonly username: string
  /** Where units of the system lie. */
  readonly systemUnits: string
  /** Was it booted with systemd? */
  readonly booted: boolean
  /** Runs a program without a shell. A code of null: it could not be started. */
  run(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran>
}

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

export async function runProgram(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ran> {
  const { execa } = await import('execa')
  const { exitCode, stdout, stderr, shortMessage } = await execa(file, args, {
    env,
    reject: false,
    stdin: 'ignore',
    timeout: 120_000,
  })
  return exitCode === undefined
    ? { code: null, stdout, stderr: shortMessage ?? '' }
    : { code: exitCode, stdout, stderr }
}
