import { posix } from 'node:path'
import type { PlannerContext } from '@appaloft/core/spec'
import type { PackageManager } from '../managers/package-manager.js'
import { modules, sourceOf } from '../port.js'
import { dependencyVersion, type Manifest, readManifest } from '../sources/manifest.js'
import { entryOf } from './scripts.js'

/** One call of node, in characters that mean nothing to a shell. */
const plain = /^\s*node(?:[ \t]+[\w@%+=:,./-]+)+\s*$/

/** Settings of package managers that change how, or with which Node, a script runs. */
const settings: readonly [file: string, pattern: RegExp][] = [
  ['package.json', /"(?:devEngines|executionEnv)"\s*:|"runtime"\s*:\s*\{/],
  ['.npmrc', /node-options|script-shell|shell-emulator|use-node-version/i],
  ['.yarnrc', /node-options|script-shell/i],
  ['pnpm-workspace.yaml', /nodeOptions|scriptShell|shellEmulator|useNodeVersion|executionEnv/],
]

/** Programs of dependencies are found by name only where a package manager put them in PATH; these packages start programs. */
const starters = /^(?:(?:node:)?child_process|execa|cross-spawn|nano-spawn|tinyexec|shelljs|zx)$/

/** What only a package manager puts into the environment. */
const ofManager = /^(?:npm_[a-z]\w*|INIT_CWD)$/

/**
 * A start script as the argv that it comes to, where leaving the package manager out changes nothing that the application can see: a
 * process less, its memory and its time. Null where there is any doubt: hooks, a shell's syntax, a program other than node, settings, an
 * application that reads what npm sets or starts programs by name, or whose sources are not there to be looked at.
 */
export async function direct(
  context: PlannerContext,
  manifest: Manifest,
  manager: PackageManager,
  name: string,
): Promise<string[] | null> {
  const script = manifest.scripts[name]
  if (script === undefined || !plain.test(script)) return null
  // Bun reads .env files for its scripts, and yarn's later versions may have no node_modules.
  if (!['npm', 'pnpm', 'yarn'].includes(manager.name) || (await context.root.has('.pnp.js'))) return null
  if (manifest.scripts[`pre${name}`] !== undefined || manifest.scripts[`post${name}`] !== undefined) return null
  if (dependencyVersion(manifest, 'node') !== undefined) return null
  const directories = new Set(['.', manager.installDirectory, context.baseDirectory].map((one) => posix.normalize(one)))
  for (const directory of directories) if (await isSet(context, directory)) return null
  const entry = entryOf(script)
  const source = entry === undefined ? null : await sourceOf(context, entry)
  if (source === null) return null
  for (const { list } of await modules(context, source))
    for (const { type, value } of list) {
      if (type !== 'mark' && ofManager.test(value)) return null
      if (type === 'string' && starters.test(value)) return null
    }
  return script.trim().split(/[ \t]+/)
}

async function isSet(context: PlannerContext, directory: string): Promise<boolean> {
  for (const [file, pattern] of settings) {
    const text = await context.root.readText(posix.join(directory, file))
    if (text !== null && pattern.test(text)) return true
  }
  if (directory === posix.normalize(context.baseDirectory)) return false
  // A package `node` of the workspace brings a program of that name, which scripts find first.
  const above = await readManifest(context.root, posix.join(directory, 'package.json'))
  return above !== null && 'manifest' in above && dependencyVersion(above.manifest, 'node') !== undefined
}
