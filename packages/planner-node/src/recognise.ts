import { posix } from 'node:path'
import { type Evidence, type PlannerContext, type Reason, reason, type SourceTree } from '@appaloft/core/spec'
import { buildScript } from './commands/build-script.js'
import { programs, variablesOf } from './commands/scripts.js'
import { frameworks } from './frameworks/table.js'
import type { Framework, Mode, Project } from './frameworks/types.js'
import { limits } from './options.js'
import { Config } from './reader/config.js'
import { absent, literal, unknown } from './reader/value.js'
import { dependencyVersion, fact, type Manifest } from './sources/manifest.js'

export interface Found {
  framework: Framework
  version: string
  dependency: string
  mode: Exclude<Mode, { kind: 'other' }>
  /** The script that builds it. */
  script?: string
  evidence: Evidence[]
  warnings: Reason[]
}

const endings = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json', '.jsonc']

/** The framework that the package uses: a dependency, and a script, configuration or file that shows it at work. */
export async function recognise(context: PlannerContext, manifest: Manifest): Promise<Found | null> {
  for (const framework of frameworks) {
    const dependency = framework.packages.find((name) => dependencyVersion(manifest, name) !== undefined)
    const named = dependency !== undefined || (framework.outside === true && isCalled(framework, manifest))
    if (!named && !(framework.name === 'meteor' && (await context.tree.has('.meteor/')))) continue
    context.signal.throwIfAborted()
    const version = dependency === undefined ? '' : dependencyVersion(manifest, dependency)!
    const script = scriptOf(framework, manifest)
    const project = await projectOf(context, manifest, framework, version, script)
    if (!(await isUsed(context.tree, manifest, framework, project.config !== null))) continue
    const mode = await modeOf(framework, project)
    if (mode.kind === 'other') continue
    if (project.config && project.config.variables.size > 0) project.warn(byEnvironment(context, project))
    return {
      framework,
      version,
      dependency: dependency ?? framework.name,
      mode,
      ...(script === undefined ? {} : { script }),
      evidence: project.evidence,
      warnings: project.warnings,
    }
  }
  return null
}

async function modeOf(framework: Framework, project: Project): Promise<Mode> {
  if (framework.mode) return framework.mode(project)
  return framework.start
    ? { kind: 'server', start: [...framework.start], ...(framework.port === undefined ? {} : { port: framework.port }) }
    : { kind: 'static', output: framework.output ?? 'dist' }
}

async function isUsed(
  tree: SourceTree,
  manifest: Manifest,
  framework: Framework,
  configured: boolean,
): Promise<boolean> {
  if (configured) return true
  // The root of a workspace holds dependencies of its packages.
  const root = manifest.workspaces || (await tree.has('pnpm-workspace.yaml'))
  if (framework.files === 'dependency' && !root) return true
  if (isCalled(framework, manifest)) return true
  if (framework.files === 'dependency') return false
  for (const file of framework.files ?? []) if (await tree.has(file)) return true
  return false
}

/** Does a script call one of the framework's programs? */
function isCalled(framework: Framework, manifest: Manifest): boolean {
  const lines = Object.values(manifest.scripts)
  return (framework.programs ?? []).some((program) =>
    lines.some((line) => programs(line, manifest).some(([first]) => first === program)),
  )
}

/** The script that builds the application: the usual one, else one that calls what builds the framework. */
function scriptOf(framework: Framework, manifest: Manifest): string | undefined {
  const usual = buildScript(manifest, framework.build ? { framework: framework.build } : {})
  if (usual !== null) return usual.name
  const [program, subcommand] = framework.build ?? []
  const names = Object.keys(manifest.scripts).filter((name) => {
    if (
      !/build|generate|export|prod|deploy|site|docs|static|compile/.test(name) ||
      /dev|watch|serve|preview/.test(name)
    )
      return false
    return programs(manifest.scripts[name]!, manifest).some((argv) => {
      const own = argv[0] === program || framework.programs?.includes(argv[0]!) === true
      const second = argv[1] === undefined || argv[1].startsWith('-') ? undefined : argv[1]
      return (
        own &&
        (subcommand === undefined ||
          subcommand.startsWith('-') ||
          second === subcommand ||
          /^(?:build|generate|export)/.test(second ?? ''))
      )
    })
  })
  return names.sort(
    (a, b) => Number(/build/.test(b)) - Number(/build/.test(a)) || a.length - b.length || (a < b ? -1 : 1),
  )[0]
}

type Gathered = Project & { evidence: Evidence[]; warnings: Reason[] }

async function projectOf(
  context: PlannerContext,
  manifest: Manifest,
  framework: Framework,
  version: string,
  script: string | undefined,
): Promise<Gathered> {
  const { tree, root } = context
  const evidence: Evidence[] = []
  const warnings: Reason[] = []
  const line = script === undefined ? '' : manifest.scripts[script]!
  const variables = variablesOf(line, manifest)
  const asked = new Set(Object.keys(context.profiles.environment))
  /** The build gets the variables of the profile, and those that its script sets. */
  const variable = (name: string) =>
    variables[name] !== undefined ? literal(variables[name]) : asked.has(name) ? unknown([name]) : absent
  const phase = framework.name === 'next' || framework.name === 'blitz' ? 'phase-production-build' : ''
  const configOf = async (...names: string[]): Promise<Config | null> => {
    for (const name of names)
      for (const ending of ['', ...endings]) {
        if (ending === '' && !/\.(?:[mc]?[jt]s|jsonc?)$/.test(name)) continue
        const text = await tree.readText(name + ending, { maxBytes: limits.sourceBytes })
        if (text !== null) return new Config(name + ending, text, variable, phase)
      }
    return null
  }
  const see: Project['see'] = (file, signal, value) => {
    evidence.push(
      fact(
        context,
        file === 'package.json' && signal.startsWith('dependencies.')
          ? 'dependency'
          : file === 'package.json'
            ? 'script'
            : 'config',
        file,
        signal,
        value,
      ),
    )
  }
  const config = await configOf(...(framework.configs ?? []))
  return {
    manifest,
    baseDirectory: posix.normalize(context.baseDirectory),
    version,
    major: majorOf(version),
    config,
    build: programs(line, manifest),
    variables,
    evidence,
    warnings,
    has: (path) => tree.has(path),
    text: (path) => tree.readText(path, { maxBytes: limits.sourceBytes }),
    rootHas: (path) => root.has(path),
    glob: (pattern) => tree.glob(pattern),
    configOf,
    uses: (...packages) => {
      const name = packages.find((one) => dependencyVersion(manifest, one) !== undefined)
      if (name === undefined) return undefined
      const found = dependencyVersion(manifest, name)!
      see('package.json', `dependencies.${name}`, found)
      return found
    },
    setting: (path, other) => {
      const from = other === undefined ? config : other
      const set = from?.setting(path) ?? { state: 'absent' as const }
      if (set.state === 'known') see(from!.file, path, set.value)
      return set
    },
    see,
    warn: (one) => warnings.push(one),
  }
}

const majorOf = (version: string): number => Number(/(?:^|[^\w.])v?(\d+)(?:\.|$|\s|x)/.exec(` ${version}`)?.[1] ?? 0)

function byEnvironment(context: PlannerContext, { config }: Project): Reason {
  const names = [...config!.variables].sort().slice(0, 5)
  return reason('setting-by-environment', {
    message: `${config!.file} asks for ${names.join(', ')}: planned as it reads with what the build is given.`,
    evidence: [fact(context, 'config', config!.file, 'process.env', names.join(', '))],
    fixPath: [{ action: `Write the setting in ${config!.file} as a constant.` }],
  })
}
