import { quoted } from './quote.js'

/**
 * What the login shell of the far side is given: constant, in one line, without a character that any of sh, bash, zsh, fish and csh
 * treats apart within single quotes. All else comes through standard input, so that it is in no argument list.
 */
export const loginCommand = `exec /bin/sh -c 'IFS= read -r b && eval "$b"'`

/** Reads lines up to the mark, and runs them: `read` takes no byte more than it needs, so what follows is for the program. */
const reader = (mark: string) =>
  `n=$(printf '\\n_'); n=\${n%_}; p=; while IFS= read -r l && [ "$l" != ${mark} ]; do p="$p$l$n"; done; [ "$l" = ${mark} ] && eval "$p"`

/**
 * A program for the far side, as what is written to standard input of `loginCommand`. It begins with nothing in its environment but `PATH`
 * and `HOME`, whatever the login shell's files have set.
 */
export const sent = (program: string, mark: string): string =>
  `exec env -i HOME="$HOME" PATH="$PATH" /bin/sh -c ${quoted(reader(mark))}\n${program}\n${mark}\n`
