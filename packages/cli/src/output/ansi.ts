const escape = '\u001b['

export const hideCursor = `${escape}?25l`
export const showCursor = `${escape}?25h`
export const cursorUp = (lines: number): string => (lines === 0 ? '' : `${escape}${lines}A`)
export const clearLine = `${escape}2K`
export const clearDown = `${escape}J`
