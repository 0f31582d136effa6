const names = new Set([
  ...[
    'ABRT',
    'ALRM',
    'BUS',
    'CHLD',
    'CLD',
    'CONT',
    'FPE',
    'HUP',
    'ILL',
    'INT',
    'IO',
    'IOT',
    'KILL',
    'PIPE',
    'POLL',
    'PROF',
  ],
  ...['PWR', 'QUIT', 'SEGV', 'STKFLT', 'STOP', 'SYS', 'TERM', 'TRAP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'USR1', 'USR2'],
  ...['VTALRM', 'WINCH', 'XCPU', 'XFSZ', 'RTMIN', 'RTMAX'],
])

/** A number from 1 on, or a name with or without SIG, in any case; RTMIN and RTMAX with an offset. */
export function isSignal(text: string): boolean {
  if (/^[0-9]{1,3}$/.test(text)) return Number(text) > 0
  const name = text.toUpperCase().replace(/^SIG/, '')
  return names.has(name) || /^RT(?:MIN\+|MAX-)[0-9]{1,2}$/.test(name)
}
