import { type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { within } from './detect.js'

export interface Hosting {
  spaFallback: boolean
  evidence: Evidence[]
  warnings: Reason[]
}

const rules = (text: string | null): string[][] =>
  (text ?? '')
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))

/** `/* /index.html 200`: every unknown path is answered with the index. A rule with conditions is not that. */
const isFallback = (rule: readonly string[]): boolean =>
  rule.length === 3 && rule[0] === '/*' && rule[1] === '/index.html' && /^200!?$/.test(rule[2] ?? '')

/**
 * What the files of other static hosts say about serving. Only the fallback to index.html can be taken over; a 200.html proves it where
 * it is the same page, since index.html is what will be answered. The rest is warned about.
 */
export async function readHosting(context: PlannerContext, directory: string): Promise<Hosting> {
  const { tree, baseDirectory } = context
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  const at = (name: string): string => within(baseDirectory, within(directory, name))
  const read = (name: string): Promise<string | null> => tree.readText(within(directory, name))
  const ignored = (name: string, message: string, signal: string, value: number | string): void => {
    warnings.push(
      reason('hosting-rules-ignored', { message, evidence: [{ kind: 'config', file: at(name), signal, value }] }),
    )
  }

  const redirects = rules(await read('_redirects'))
  const fallback = redirects.some(isFallback)
  if (fallback) {
    evidence.push({ kind: 'config', file: at('_redirects'), signal: 'spa-fallback', value: '/* /index.html 200' })
  }
  const others = redirects.filter((rule) => !isFallback(rule)).length
  if (others > 0) ignored('_redirects', `${others} rule lines of _redirects are not applied.`, 'redirects', others)

  // A line that starts with a slash is a path; the headers for it stand below.
  const headers = rules(await read('_headers')).filter(([first = '']) => !first.startsWith('/')).length
  if (headers > 0) ignored('_headers', `${headers} header lines of _headers are not applied.`, 'headers', headers)

  const page = await read('200.html')
  const same = page !== null && page === (await read('index.html'))
  if (same) evidence.push({ kind: 'file', file: at('200.html'), signal: 'spa-fallback', value: 'same as index.html' })
  else if (page !== null && !fallback) {
    const message = '200.html is not answered for unknown paths: only a copy of index.html can be.'
    ignored('200.html', message, 'spa-fallback', 'differs from index.html')
  }
  return { spaFallback: fallback || same, evidence, warnings }
}
