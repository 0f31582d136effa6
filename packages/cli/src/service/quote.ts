// As systemd reads words between double quotes: escapes of C, then specifiers (%), then, in arguments alone, variables ($).

const named: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\t': '\\t', '\r': '\\r' }
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const special = /[\\"\u0000-\u001f\u007f]/g

const escaped = (text: string): string =>
  text
    .replace(special, (found) => named[found] ?? `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replaceAll('%', '%%')

/** A word of a setting that knows no variables, such as `Environment=`. */
export const quoteValue = (text: string): string => `"${escaped(text)}"`

/** An argument of `ExecStart=`; as it is where nothing in it means anything. */
export const quoteArgument = (text: string): string =>
  /^[\w@+=:,./-]+$/.test(text) ? text : `"${escaped(text).replaceAll('$', '$$$$')}"`

const quoteProgram = (path: string): string => (/^[\w/.+-]+$/.test(path) ? path : quoteValue(path))

/**
 * A whole command line. systemd refuses quotes, backslashes and control characters in the program's own path, and does not read variables
 * there: such a program is started by `env`, to which its path is an argument like any other.
 */
export function commandLine(argv: readonly string[]): string {
  const [program = '', ...rest] = argv
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const first = /['"\\\u0000-\u001f\u007f]/.test(program)
    ? ['/usr/bin/env', quoteArgument(program)]
    : [quoteProgram(program)]
  return [...first, ...rest.map(quoteArgument)].join(' ')
}
