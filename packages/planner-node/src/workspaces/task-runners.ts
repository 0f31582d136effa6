import { posix } from 'node:path'
import type { SourceTree } from '@appaloft/core/spec'
import { looseJson } from '../sources/loose.js'
import { dependencyVersion, isObject } from '../sources/manifest.js'
import { type Member, readSettings, type Workspace } from './workspace.js'

/** Tasks that look at the result and write nothing that a build needs. */
const checks = /lint|test|check|format|prettier|tsc:no-emit|knip|audit/i

async function tasksIn(root: SourceTree, directory: string): Promise<Record<string, unknown>> {
  for (const name of ['turbo.json', 'turbo.jsonc']) {
    const text = await readSettings(root, posix.join(directory, name))
    const json = text === null ? undefined : looseJson(text)
    if (!isObject(json)) continue
    const tasks = json.tasks ?? json.pipeline
    return isObject(tasks) ? tasks : {}
  }
  return {}
}

/**
 * The scripts other than `build` that turbo.json has run before the build, as it is configured, and that are there to run: without
 * Turborepo they would be left out. Null where there are none, or no Turborepo.
 */
export async function turboSteps(
  root: SourceTree,
  workspace: Workspace,
  base: Member,
  needed: readonly Member[],
): Promise<{ file: string; steps: string[] } | null> {
  if (workspace.manifest === null || dependencyVersion(workspace.manifest, 'turbo') === undefined) return null
  const shared = await tasksIn(root, workspace.directory)
  const own = base.directory === workspace.directory ? {} : await tasksIn(root, base.directory)
  const steps = new Set<string>()
  const seen = new Set<string>()
  const open: { task: string; below: boolean }[] = [{ task: 'build', below: false }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const key = `${next.below} ${next.task}`
    if (seen.has(key) || seen.size > 200) continue
    seen.add(key)
    const { task, below } = next
    const named = below ? undefined : (own[task] ?? shared[`${base.manifest.name}#${task}`])
    const declared = named ?? shared[task]
    const dependsOn = isObject(declared) && Array.isArray(declared.dependsOn) ? declared.dependsOn : []
    if (task !== 'build' && !checks.test(task)) {
      const places = below ? needed : [base]
      if (places.some((one) => one.manifest.scripts[task] !== undefined)) steps.add(task)
    }
    for (const one of dependsOn) {
      if (typeof one !== 'string' || one.startsWith('$')) continue
      const plain = one.replace(/^\^/, '').split('#').at(-1)!
      open.push({ task: plain, below: below || one.startsWith('^') || one.includes('#') })
    }
  }
  if (steps.size === 0) return null
  return { file: posix.join(workspace.directory, 'turbo.json'), steps: [...steps].sort() }
}
