/** Colours, or nothing. Each function takes plain text. */
export interface Style {
  readonly color: boolean
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  cyan(text: string): string
}

const code = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`
const same = (text: string) => text

const colored: Style = {
  color: true,
  bold: code(1, 22),
  dim: code(2, 22),
  red: code(31, 39),
  green: code(32, 39),
  yellow: code(33, 39),
  cyan: code(36, 39),
}
const plain: Style = { color: false, bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }

/** `--no-color` wins, then FORCE_COLOR, then NO_COLOR, then whether a terminal reads. */
export function styleFor(
  output: { isTTY: boolean },
  env: Readonly<Record<string, string | undefined>>,
  flag?: boolean,
): Style {
  if (flag === false) return plain
  const force = env.FORCE_COLOR
  if (force !== undefined && force !== '') return force === '0' || force === 'false' ? plain : colored
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return plain
  return output.isTTY && env.TERM !== 'dumb' ? colored : plain
}
