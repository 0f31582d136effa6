import { rm } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { AppaloftError, type BuildInput, type BuildResult, type Plan } from '@appaloft/core/spec'
import { endOrphanedJobs } from '../jobs.js'
import { CodedError } from '../shared/errors.js'
import { checkMark } from '../shared/marks.js'
import type { Layout } from '../shared/paths.js'
import { runBuildCommands } from './commands.js'
import { copyTree } from './copy.js'
import { copyPublished, findPublishDirectory } from './publish.js'
import { beginBuild, buildFiles, findBuild, publishBuild, removeFolder, sweepDrafts } from './store.js'

/** Where the plan's commands run, relative to the source's root. */
export function directoriesOf(plan: Plan): { install: string; working: string } {
  if (plan.artifact.kind === 'workspace')
    return { install: plan.artifact.installDirectory, working: plan.artifact.workingDirectory }
  const working = plan.source.baseDirectory
  const install = plan.artifact.kind === 'static-site' ? (plan.artifact.installDirectory ?? working) : working
  return { install, working }
}

/** A directory of the plan, below the copied tree: a plan that leads out of it is refused. */
export function inside(tree: string, relative: string): string {
  const path = resolve(tree, relative)
  if (path === tree || path.startsWith(tree + sep)) return path
  throw new CodedError('invalid-input', `The directory ${relative} lies outside the source.`)
}

/** What a build must hold for this plan. A site needs its tree only where a command will run in it later. */
const needsOf = (plan: Plan) => ({
  site: plan.artifact.kind === 'static-site',
  tree: plan.artifact.kind !== 'static-site' || plan.commands.release !== undefined,
})

/** Copies and builds, or finds what the same inputs gave before. */
export async function build(layout: Layout, input: BuildInput, options: { graceMs: number }): Promise<BuildResult> {
  const { plan, resourceId, signal, inputsDigest } = input
  signal.throwIfAborted()
  checkMark(layout, resourceId, input.token)
  const needs = needsOf(plan)
  if (!input.noCache) {
    const found = findBuild(layout, resourceId, inputsDigest)
    if (found !== null && (found.record.tree || !needs.tree) && (found.record.site || !needs.site))
      return { artifact: { build: found.build }, cached: true }
  }
  if (input.sourceDirectory === null)
    throw new CodedError('unsupported-runtime-target', 'A source without files cannot run as a local process.')
  await endOrphanedJobs(layout, resourceId, () => true)
  await sweepDrafts(layout, resourceId)
  const { build: name, folder } = beginBuild(layout, resourceId)
  const files = buildFiles(folder)
  try {
    await make(layout, input, input.sourceDirectory, files, options)
    if (!needs.tree) await rm(files.tree, { recursive: true, force: true })
    signal.throwIfAborted()
    checkMark(layout, resourceId, input.token)
    const createdAt = new Date().toISOString()
    publishBuild(layout, name, { resourceId, inputs: inputsDigest, ...needs, createdAt })
    return { artifact: { build: name }, cached: false }
  } catch (error) {
    await removeFolder(layout, folder).catch(() => undefined)
    throw error
  }
}

async function make(
  layout: Layout,
  input: BuildInput,
  source: string,
  files: ReturnType<typeof buildFiles>,
  options: { graceMs: number },
): Promise<void> {
  const { plan, signal } = input
  const { install, working } = directoriesOf(plan)
  const { install: first, build: second, package: third, release } = plan.commands
  // Nothing will run in it, so nothing needs a copy but what is served.
  const asItIs = plan.artifact.kind === 'static-site' && !first && !second && !third && !release
  if (!asItIs) {
    await copyTree(source, files.tree, signal)
    await runBuildCommands(input, {
      layout,
      installDirectory: inside(files.tree, install),
      workingDirectory: inside(files.tree, working),
      graceMs: options.graceMs,
    })
  }
  if (plan.artifact.kind !== 'static-site') return
  const { publishDirectory } = plan.artifact
  const tree = asItIs ? source : files.tree
  const published = await findPublishDirectory(tree, working, publishDirectory)
  const count = await copyPublished(published, files.site, {
    // The source itself is published: what was only installed to build it is not part of it.
    leaveOut: published === (await findPublishDirectory(tree, working, '.')) ? ['node_modules'] : [],
    signal,
    log: (line) => input.log(line),
  })
  if (count > 0) return
  throw new AppaloftError('publish-directory-missing', {
    message: `The publish directory ${publishDirectory} is empty after the build.`,
    details: { publishDirectory },
  })
}
