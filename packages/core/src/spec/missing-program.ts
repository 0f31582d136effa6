/** What a shell or an init says of a command that it does not find: its name, if it told. For exit code 127, the last lines. */
export function missingProgram(exitCode: number | null | undefined, lines: readonly string[]): string | null {
  if (exitCode !== 127) return null
  for (const line of [...lines].reverse()) {
    const name =
      /(?:^|\s|: )([^\s:]+): (?:command )?not found$/.exec(line)?.[1] ??
      /env: [‘'"]?([^’'":]+)[’'"]?: No such file/.exec(line)?.[1] ??
      /exec: "([^"]+)": (?:executable file not found|stat)/.exec(line)?.[1]
    if (name !== undefined) return name
  }
  return null
}
