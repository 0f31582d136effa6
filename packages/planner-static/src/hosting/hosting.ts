import { type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { bounded, within } from '../paths.js'
import { dataFiles } from './data.js'
import { parseJsonc, parseToml } from './parse.js'
import { HostRules } from './rules.js'
import { readHeaders, readHtaccess, readRedirects } from './text.js'

type Tree = PlannerContext['tree']

const maxBytes = 64 * 1024

async function readData(tree: Tree, file: string, read: (data: unknown, rules: HostRules) => void) {
  const text = await tree.readText(file, { maxBytes })
  if (text === null) return null
  const rules = new HostRules(file)
  try {
    read(file.endsWith('.toml') ? await parseToml(text) : parseJsonc(text), rules)
  } catch {
    const broken = new HostRules(file)
    broken.ignore('unreadable')
    return broken
  }
  return rules
}

/** What files of the base directory say about hosting, best first. */
export async function readHosts(tree: Tree): Promise<HostRules[]> {
  const names = new Set((await tree.list()).map(({ name }) => name))
  const found: HostRules[] = []
  for (const [file, read] of dataFiles) {
    const rules = names.has(file) ? await readData(tree, file, read) : null
    if (rules !== null) found.push(rules)
  }
  return found
}

const textFiles = [
  ['_redirects', readRedirects],
  ['_headers', readHeaders],
  ['.htaccess', readHtaccess],
] as const

/** The rules that stand among the files themselves. */
async function readInside(tree: Tree, directory: string, known: readonly HostRules[]): Promise<HostRules[]> {
  const found: HostRules[] = []
  for (const [name, read] of textFiles) {
    const file = within(directory, name)
    const text = await tree.readText(file, { maxBytes })
    if (text === null) continue
    const rules = new HostRules(file)
    read(text, rules)
    found.push(rules)
  }
  for (const [name, read] of dataFiles) {
    if (name !== 'staticwebapp.config.json' && name !== 'serve.json') continue
    const file = within(directory, name)
    const rules = known.some((one) => one.file === file) ? null : await readData(tree, file, read)
    if (rules !== null) found.push(rules)
  }
  return found
}

export interface Hosting {
  spaFallback: boolean
  evidence: Evidence[]
  warnings: Reason[]
}

/**
 * What the files of other static hosts say about serving a directory. Only the fallback to index.html can be taken over; pages named
 * 200.html and 404.html prove it where they are that page. The rest is warned about, each kind by its name.
 */
export async function readHosting(
  context: PlannerContext,
  directory: string,
  hosts: readonly HostRules[],
): Promise<Hosting> {
  const { tree, baseDirectory } = context
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  const at = (file: string): string => within(baseDirectory, file)
  const all = [...(await readInside(tree, directory, hosts)), ...hosts]
  for (const rules of all) {
    const { file, fallback, sentence } = rules
    if (fallback !== undefined)
      evidence.push({ kind: 'config', file: at(file), signal: 'spa-fallback', value: bounded(fallback) })
    if (sentence === null) continue
    warnings.push(
      reason('hosting-rules-ignored', {
        message: sentence,
        evidence: rules.ignored.map(([signal, value]) => ({ kind: 'config', file: at(file), signal, value })),
      }),
    )
  }
  let spaFallback = all.some(({ fallback }) => fallback !== undefined)
  const index = await tree.readText(within(directory, 'index.html'))
  for (const name of ['200.html', '404.html']) {
    const file = within(directory, name)
    const page = await tree.readText(file)
    if (page === null) continue
    if (page === index) {
      spaFallback = true
      evidence.push({ kind: 'file', file: at(file), signal: 'spa-fallback', value: 'same as index.html' })
    } else if (name === '200.html' && !spaFallback) {
      warnings.push(
        reason('hosting-rules-ignored', {
          message: `${file} is not answered for unknown paths: only a copy of index.html can be.`,
          evidence: [{ kind: 'config', file: at(file), signal: 'spa-fallback', value: 'differs from index.html' }],
        }),
      )
    }
  }
  return { spaFallback, evidence, warnings }
}
