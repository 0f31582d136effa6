import type { PlannerContext } from '@appaloft/core/spec'

/** Manifests of languages with servers, and files that servers are started by: a tree with one is an application, whose pages are only a part of it. */
const manifests = new Set([
  ...[
    'requirements.txt',
    'pyproject.toml',
    'Pipfile',
    'setup.py',
    'environment.yml',
    'manage.py',
    'wsgi.py',
    'asgi.py',
  ],
  ...['Gemfile', 'config.ru', 'composer.json', 'go.mod', 'Cargo.toml', 'pom.xml', 'build.gradle', 'build.gradle.kts'],
  ...['build.sbt', 'mix.exs', 'rebar.config', 'Package.swift', 'pubspec.yaml', 'deps.edn', 'project.clj', 'gleam.toml'],
  ...['deno.json', 'deno.jsonc', 'bun.lockb', 'Procfile'],
])
const server = /\.(?:php|phtml|csproj|fsproj|sln|cshtml|jsp|aspx?|cgi|cfm)$/i
/** Next to the files of a folder that is named for publishing, these start the server that owns it. */
const entry = /^(?:app|main|server|index|wsgi|run)\.(?:py|rb|go|rs|pl|ex|lua|jl|cr|kt|java|swift)$/

/** Does an application of a language own a directory with these entries? */
export const isApplication = (names: ReadonlySet<string>): boolean =>
  [...names].some((name) => manifests.has(name) || server.test(name) || entry.test(name))

/** Folders whose pages are parts or samples of something else. */
const parts =
  /(?:^|\/)(?:templates?|views|layouts|partials|tests?|__tests__|specs?|e2e|fixtures|testdata|mocks)(?:\/|$)/i

async function buildsItself({ root }: PlannerContext, directory: string): Promise<boolean> {
  const text = await root.readText(directory === '.' ? 'package.json' : `${directory}/package.json`)
  if (text === null) return false
  try {
    const { scripts } = JSON.parse(text) as { scripts?: unknown }
    const names = typeof scripts === 'object' && scripts !== null ? Object.keys(scripts) : []
    return names.some((name) => /^(?:build|generate|export)(?:$|:)/.test(name))
  } catch {
    return true
  }
}

/**
 * Is a directory that the search came to only a part of what lies above it: an application's pages, or a folder that a build above reads or writes?
 * Who names the directory means it.
 */
export async function isPartOfOther(context: PlannerContext): Promise<boolean> {
  const { baseDirectory, source, root } = context
  if (baseDirectory === '.' || source.baseDirectory !== undefined) return false
  if (parts.test(baseDirectory)) return true
  const above = baseDirectory.split('/').slice(0, -1)
  for (let depth = above.length; depth >= 0; depth--) {
    const directory = depth === 0 ? '.' : above.slice(0, depth).join('/')
    const names = new Set((await root.list(directory)).map(({ name }) => name))
    if (isApplication(names)) return true
    if (names.has('package.json') && (await buildsItself(context, directory))) return true
  }
  return false
}
