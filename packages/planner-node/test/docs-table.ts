import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FixturePlan, planFixture, plannerFixtures } from '@appaloft/testkit'
import { node } from '../src/index.js'

const fixtures = plannerFixtures(join(import.meta.dirname, '../fixtures')).filter(
  (one) => !one.name.startsWith('tools-') && existsSync(one.planFile),
)
/** Applications that a test installs, builds, starts and asks. */
const real = join(import.meta.dirname, '../../cli/test/fixtures/frameworks')

interface Commands {
  build?: { command: string | string[] }
  package?: { command: string | string[] }
  start?: { command: string | string[] }
}

const frameworkOf = (plan: FixturePlan) => plan.framework as { name: string; mode?: string } | undefined
const commandsOf = (plan: FixturePlan) => (plan.commands ?? {}) as Commands
const lineOf = (one: { command: string | string[] } | undefined): string | undefined =>
  one === undefined ? undefined : [one.command].flat().join(' ')

/** What is started or served; a script as what it says. */
function outcomeOf(plan: FixturePlan, manifest: string | undefined): string {
  const artifact = plan.artifact as { kind: string; publishDirectory?: string; spaFallback?: boolean } | undefined
  if (plan.blocked) return plan.blocked.map(({ code }) => `[\`${code}\`](errors/${code}.md)`).join(', ')
  if (artifact?.kind === 'static-site')
    return `serves \`${artifact.publishDirectory}\`${artifact.spaFallback ? ', any path its index.html' : ''}`
  const line = lineOf(commandsOf(plan).start) ?? ''
  const name = /^(?:npm|pnpm|yarn|bun) run ([\w:.-]+)$/.exec(line)?.[1]
  const script = name === undefined ? undefined : JSON.parse(manifest ?? '{}').scripts?.[name]
  return `runs \`${script ?? line}\``
}

/** The facts that told it: which package, and which setting. */
function toldBy(plan: FixturePlan): string {
  const told = (plan.evidence ?? []).flatMap((line) => {
    const found = /^(dependency|config|file|script|source-text) (\S+): (.+?)(?: = (.*))?$/.exec(line)
    if (!found) return []
    const [, kind, file, signal, value] = found
    if (kind === 'dependency') return [signal!.replace(/^dependencies\./, '')]
    if (kind === 'config' && signal !== 'process.env')
      return [`${signal} in ${file}${value === undefined ? '' : `: ${value}`}`]
    return kind === 'file' && file !== 'package.json' ? [file!] : []
  })
  return [...new Set(told)].map((one) => `\`${one.replaceAll('|', '\\|')}\``).join(', ')
}

function filesBelow(folder: string, prefix = ''): Record<string, string> {
  const files: Record<string, string> = {}
  for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) Object.assign(files, entry.name === 'node_modules' ? {} : filesBelow(folder, path))
    else files[path] = readFileSync(join(folder, path), 'utf8')
  }
  return files
}

const keyOf = (plan: FixturePlan, manifest: string | undefined): string =>
  `${frameworkOf(plan)?.name} ${frameworkOf(plan)?.mode} ${outcomeOf(plan, manifest)
    .replace(/dist\/[\w-]+\//, 'dist/…/')
    .replace(/\.\/|'/g, '')}`

/** Which of the applications that are deployed for real are planned as a fixture is. */
async function deployed(): Promise<Map<string, string[]>> {
  const out = new Map<string, string[]>()
  for (const name of readdirSync(real).sort()) {
    const files = filesBelow(join(real, name))
    const { plan } = await planFixture(node(), { name, files })
    const key = keyOf(plan, files['package.json'])
    out.set(key, [...(out.get(key) ?? []), name])
  }
  return out
}

/** The table of docs/planners.md, from the fixtures and their plans. */
export async function frameworkTable(): Promise<string> {
  const byPlan = await deployed()
  const rows: string[][] = []
  for (const { name, sample, planFile } of fixtures) {
    const plan = JSON.parse(readFileSync(planFile, 'utf8')) as FixturePlan
    const framework = frameworkOf(plan)
    const manifest = sample.files[sample.baseDirectory ? `${sample.baseDirectory}/package.json` : 'package.json']
    if (framework === undefined) continue
    const commands = commandsOf(plan)
    const build = lineOf(commands.build)
    const script = /^(?:npm|pnpm|yarn|bun) run ([\w:.-]+)$/.exec(build ?? '')?.[1]
    const line = script === undefined ? build : JSON.parse(manifest ?? '{}').scripts?.[script]
    rows.push([
      `${framework.name}${framework.mode === undefined ? '' : `, ${framework.mode}`}`,
      toldBy(plan),
      plan.blocked || line === undefined ? '' : `\`${line}\`${commands.package ? ', then copies' : ''}`,
      outcomeOf(plan, manifest),
      plan.claim?.supportTier ?? '',
      `[${name}](../packages/planner-node/fixtures/${name})`,
      plan.blocked ? '' : (byPlan.get(keyOf(plan, manifest)) ?? []).join(', '),
    ])
  }
  rows.sort((a, b) => (a[0]! < b[0]! ? -1 : a[0]! > b[0]! ? 1 : 0))
  const head = ['framework, mode', 'told by', 'build', 'what becomes of it', 'tier', 'fixture', 'deployed for real']
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export const frameworkNames = (): Set<string> =>
  new Set(
    fixtures.flatMap(
      ({ planFile }) => frameworkOf(JSON.parse(readFileSync(planFile, 'utf8')) as FixturePlan)?.name ?? [],
    ),
  )
