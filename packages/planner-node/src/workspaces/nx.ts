import { posix } from 'node:path'
import { type Evidence, type PlannerContext, reason } from '@appaloft/core/spec'
import type { Application, Outcome } from '../application.js'
import { programs } from '../commands/scripts.js'
import { libraries } from '../frameworks/servers.js'
import { runnable } from '../managers/exec.js'
import type { PackageManager } from '../managers/package-manager.js'
import { limits } from '../options.js'
import { looseJson } from '../sources/loose.js'
import { dependencyVersion, fact, isObject, type Manifest } from '../sources/manifest.js'
import { resolveFile } from '../sources/resolve.js'
import { pathAt, valueOf, words } from '../sources/text.js'

type Json = Record<string, unknown>
const object = (value: unknown): Json => (isObject(value) ? value : {})
const string = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

interface Project {
  name: string
  root: string
  file: string
  json: Json
}

async function read(context: PlannerContext, file: string): Promise<Json | null> {
  const text = await context.tree.readText(file, { maxBytes: limits.settingsBytes })
  const json = text === null ? undefined : looseJson(text.replace(/^\uFEFF/, ''))
  return isObject(json) ? json : null
}

/** The applications of a workspace by their project.json, tests of other applications left out. */
async function applications(context: PlannerContext): Promise<Project[]> {
  const out: Project[] = []
  for (const pattern of ['*/project.json', '*/*/project.json', '*/*/*/project.json'])
    for (const file of await context.tree.glob(pattern, { limit: limits.packages })) {
      const json = await read(context, file)
      const root = posix.dirname(file)
      const name = string(json?.name) ?? posix.basename(root)
      if (json?.projectType === 'application' && !/e2e/.test(name)) out.push({ name, root, file, json })
    }
  return out.sort((a, b) => (a.root < b.root ? -1 : 1))
}

/** The project that scripts or nx.json mean, else the only one. */
function meant(all: Project[], nx: Json, manifest: Manifest): Project | undefined {
  const named = ['build', 'start'].flatMap((script) =>
    programs(manifest.scripts[script] ?? '', manifest)
      .filter(([program]) => program === 'nx')
      .flatMap((argv) => argv.slice(1).map((word) => word.split(':')[0]!)),
  )
  const byName = (name: unknown) => all.find((one) => one.name === name)
  return (
    named.map(byName).find((one) => one !== undefined) ??
    byName(nx.defaultProject) ??
    (all.length === 1 ? all[0] : undefined)
  )
}

type Manager = Pick<PackageManager, 'name' | 'program'>
type Kind = { package: string } & ({ output: string } | { start: string[]; source?: string; port?: number })

/**
 * An application of an Nx workspace that keeps its projects in project.json and one package.json at its root: what its build target writes
 * is started or served. Null where the package is no such root; of several applications none is chosen by guess.
 */
export async function nxApplication(
  context: PlannerContext,
  manifest: Manifest,
  manager: Manager,
): Promise<Application | null> {
  const version = dependencyVersion(manifest, 'nx')
  if (version === undefined || (await context.tree.has('project.json'))) return null
  const nx = await read(context, 'nx.json')
  if (nx === null) return null
  const all = await applications(context)
  if (all.length === 0) return null
  const project = meant(all, nx, manifest)
  const evidence: Evidence[] = [fact(context, 'dependency', 'package.json', 'dependencies.nx', version)]
  const as = (outcome: Outcome, named?: Application['named']): Application => ({
    found: null,
    ...(named ? { named } : {}),
    outcome,
    evidence,
    warnings: [],
  })
  if (project === undefined) {
    const names = all.map((one) => one.name).join(', ')
    return as({
      kind: 'blocked',
      reason: reason('ambiguous-framework-evidence', {
        message: `nx.json holds several applications (${names.slice(0, 300)}), and nothing says which one is meant.`,
        evidence: all.slice(0, 10).map((one) => fact(context, 'config', one.file, 'projectType', 'application')),
        fixPath: [{ action: 'Name one as defaultProject in nx.json.', example: all[0]!.name.slice(0, 100) }],
      }),
    })
  }
  const kind = await kindOf(context, project)
  if (kind === null) return null
  evidence.push(fact(context, 'config', project.file, 'projectType', 'application'))
  const usual = programs(manifest.scripts.build ?? '', manifest).some(
    (argv) =>
      argv[0] === 'nx' &&
      (nx.defaultProject === project.name || argv.some((word) => word.split(':')[0] === project.name)),
  )
  const build = usual ? {} : { build: { argv: ['nx', 'build', project.name] } }
  const library = [['@nestjs/core', 'nest'] as const, ...libraries].find(
    ([one]) => dependencyVersion(manifest, one) !== undefined,
  )
  const [dependency, name] =
    kind.package === 'node' ? (library ?? ['', '']) : [kind.package, kind.package.replace(/^@|\/core$/g, '')]
  const found = dependencyVersion(manifest, dependency)
  const named = found === undefined ? undefined : { name, version: found }
  if ('output' in kind)
    return { ...as({ kind: 'static', publishDirectory: kind.output, spaFallback: true }, named), ...build }
  const line = kind.source === undefined ? kind.start.join(' ') : `node ${kind.source}`
  return {
    ...as(
      {
        kind: 'server',
        start: { command: runnable(kind.start, manager), from: 'planner' },
        line,
        signal: project.file,
        ...(kind.port === undefined ? {} : { port: kind.port }),
      },
      named,
    ),
    ...build,
  }
}

/** What the build target writes, by its executor; without one, by the configuration that Nx infers the target from. */
async function kindOf(context: PlannerContext, { name, root, json }: Project): Promise<Kind | null> {
  const target = object(object(json.targets ?? json.architect).build)
  const executor = string(target.executor) ?? string(target.builder)
  const chosen = object(object(target.configurations)[string(target.defaultConfiguration) ?? 'production'])
  const options: Json = { ...object(target.options), ...chosen }
  const plain = (path: string): string =>
    posix.normalize(
      path
        .replace('{workspaceRoot}/', '')
        .replace('{projectRoot}', () => root)
        .replace('{projectName}', () => name),
    )
  const set = isObject(options.outputPath) ? string(options.outputPath.base) : string(options.outputPath)
  const output = plain(set ?? `dist/${root}`)
  const main = plain(string(options.main) ?? `${string(json.sourceRoot) ?? `${root}/src`}/main.ts`)
  const inside = posix.relative(root, main).replace(/\.[mc]?tsx?$/, '.js')
  if (executor === undefined) return inferred(context, root)
  if (/:next$|\/next:build$/.test(executor)) return { package: 'next', start: ['next', 'start', output], port: 3000 }
  if (/\/vite:build$|\/web:|\/rollup:/.test(executor)) return { package: 'vite', output }
  if (/build-angular:application$|angular\/build:application$|\/angular:application$/.test(executor))
    return { package: '@angular/core', output: posix.join(output, 'browser') }
  if (/build-angular:browser|\/angular:(?:webpack-browser|browser-esbuild)/.test(executor))
    return { package: '@angular/core', output }
  if (/\/js:tsc$|\/js:swc$|\/node:package$/.test(executor))
    return { package: 'node', start: ['node', posix.join(output, inside)], source: main }
  const node = options.target === 'node' || options.platform === 'node' || /\/(?:node|esbuild):/.test(executor)
  if (/\/(?:node|esbuild|webpack|rspack):/.test(executor))
    return node
      ? { package: 'node', start: ['node', posix.join(output, posix.basename(inside))], source: main }
      : { package: 'webpack', output }
  return null
}

async function inferred(context: PlannerContext, root: string): Promise<Kind | null> {
  const config = async (name: string) => {
    const file = await resolveFile(context, posix.join(root, name))
    const text = file === null ? null : await context.tree.readText(file, { maxBytes: limits.sourceBytes })
    return text === null ? null : words(text)
  }
  if ((await config('next.config')) !== null) return { package: 'next', start: ['next', 'start', root], port: 3000 }
  const vite = await config('vite.config')
  if (vite === null) return null
  const at = valueOf(vite, 'outDir')
  const path = at < 0 ? 'dist' : pathAt(vite, at)
  return path === null ? null : { package: 'vite', output: posix.join(root, path) }
}
