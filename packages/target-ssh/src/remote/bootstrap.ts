import { quoted } from './quote.js'

/**
 * What the login shell of the far side is given: constant, in one line, without a character that any of sh, bash, zsh, fish and csh
 * treats apart within single quotes. All else comes through standard input, so that it is in no argument list.
 */
export const loginCommand = `exec /bin/sh -c 'IFS= read -r b && eval "$b"'`

/**
 * Reads lines up to the mark, and runs them: `read` takes no byte more than it needs, so what follows is for the program. What every command
 * needs to know of the machine is found before, in `e` and `s`.
 */
const reader = (mark: string) =>
  `e=$(command -v env); s=$(command -v setsid); n=$(printf '\\n_'); n=\${n%_}; p=; while IFS= read -r l && [ "$l" != ${mark} ]; do p="$p$l$n"; done; [ "$l" = ${mark} ] && eval "$p"`

/**
 * What is written to standard input of `loginCommand` first: a shell waits for its program then, with nothing in its environment but `PATH`
 * and `HOME`, whatever the login shell's files have set.
 */
export const opening = (mark: string): string =>
  `exec env -i HOME="$HOME" PATH="$PATH" /bin/sh -c ${quoted(reader(mark))}\n`

/** What is written then: a program for the far side. */
export const sent = (program: string, mark: string): string => `${program}\n${mark}\n`
