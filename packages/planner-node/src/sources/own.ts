/** What a table holds under a word of somebody else's: `constructor` is none of its entries. */
export const own = <T>(table: Readonly<Record<string, T>>, word: string): T | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined
