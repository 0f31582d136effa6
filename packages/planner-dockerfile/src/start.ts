import type { Image, Start } from './image.js'
import { words } from './words.js'

const shells = new Set(['sh', 'ash', 'bash', 'dash', 'ksh', 'zsh'])
const inits = new Set(['tini', 'dumb-init', 'catatonit', 'init', 's6-svscan', 'docker-init'])
const nameOf = (path: string | undefined): string => (path ?? '').slice((path ?? '').lastIndexOf('/') + 1)

/** A shell that stays while the application runs, so that signals end at it. */
export interface ShellStart {
  start: Start
  why: string
}

/** Of a CMD and an ENTRYPOINT, what a shell runs without handing its place over; null where none does. */
export function shellStart({ entrypoint, cmd }: Image): ShellStart | null {
  const first = entrypoint ?? cmd
  if (first === null) return null
  const whole = byShell(first)
  if (whole !== null) return { start: first, why: whole }
  if (entrypoint?.argv == null || cmd === null || entrypoint.argv.some((word) => inits.has(nameOf(word)))) return null
  // An entry point in exec form is handed CMD, and as a rule runs it in its own place.
  const why = byShell(cmd)
  return why === null ? null : { start: cmd, why }
}

function byShell({ instruction, text, argv }: Start): string | null {
  if (argv === null) {
    if (text === '' || handsOver(text)) return null
    if (text.startsWith('['))
      return `The list behind ${instruction} is not JSON, so a shell runs it: use double quotes.`
    return `${instruction} is in shell form, so a shell runs as the first process.`
  }
  if (!shells.has(nameOf(argv[0]))) return null
  const flag = argv.findIndex((word, i) => i > 0 && /^-[a-z]*c$/.test(word))
  const script = flag === -1 ? undefined : argv[flag + 1]
  if (script === undefined || handsOver(script)) return null
  return `${instruction} starts a shell that runs as the first process.`
}

/** Does the last command of the text begin with `exec`? */
function handsOver(text: string): boolean {
  const parts: string[] = []
  let part = ''
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if (char === '"' || char === "'") {
      quote = char
    } else if (char === '\\') {
      part += char
      i += 1
    } else if (char === ';' || char === '&' || char === '|' || char === '\n') {
      parts.push(part)
      part = ''
      continue
    }
    part += text[i] ?? ''
  }
  const last = [...parts, part].findLast((one) => one.trim() !== '') ?? ''
  // Variables may be set before it: `PORT=80 exec node .`
  return words(last, '\\').find((word) => !/^[A-Za-z_]\w*=/.test(word)) === 'exec'
}
