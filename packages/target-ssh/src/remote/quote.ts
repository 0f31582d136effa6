/** For a POSIX shell: what stands between is taken to the letter, lines and all. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
