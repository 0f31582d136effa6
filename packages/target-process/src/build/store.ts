import { createHash, randomBytes } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isRecord, makeFolder, readRecord, writeJson } from '../shared/files.js'
import type { Layout } from '../shared/paths.js'
import { isAlive, ownIdentity, parseIdentity } from '../shared/processes.js'
import { folderNames } from '../shared/records.js'

/**
 * A build is made in the folder where it stays, since tools write absolute paths into what they make. It exists once its record does,
 * which is written last and in one step; the index says which build answers to which inputs.
 */
export interface BuildRecord {
  resourceId: string
  inputs: string
  /** The copied and built source is there: commands can run in it. */
  tree: boolean
  /** The folder to serve is there. */
  site: boolean
  createdAt: string
}

export const buildFiles = (folder: string) => ({
  record: join(folder, 'build.json'),
  draft: join(folder, 'building.json'),
  tree: join(folder, 'tree'),
  site: join(folder, 'site'),
})

const indexFile = (layout: Layout, resourceId: string, inputsDigest: string) =>
  join(layout.buildsOf(resourceId), `${createHash('sha256').update(inputsDigest).digest('hex').slice(0, 40)}.json`)

export function readBuild(layout: Layout, resourceId: string, build: string): BuildRecord | null {
  const record = readRecord(buildFiles(layout.build(resourceId, build)).record)
  if (record === null || record.resourceId !== resourceId || typeof record.inputs !== 'string') return null
  return {
    resourceId,
    inputs: record.inputs,
    tree: record.tree === true,
    site: record.site === true,
    createdAt: String(record.createdAt),
  }
}

/** What was built from these inputs last. */
export function findBuild(layout: Layout, resourceId: string, inputsDigest: string) {
  const index = readRecord(indexFile(layout, resourceId, inputsDigest))
  if (typeof index?.build !== 'string') return null
  const record = readBuild(layout, resourceId, index.build)
  return record === null || record.inputs !== inputsDigest ? null : { build: index.build, record }
}

/** A new folder to build in. */
export function beginBuild(layout: Layout, resourceId: string): { build: string; folder: string } {
  const build = `b-${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`
  const folder = layout.build(resourceId, build)
  makeFolder(folder)
  writeJson(buildFiles(folder).draft, { resourceId, owner: ownIdentity() })
  return { build, folder }
}

/** From here on the build exists. */
export function publishBuild(layout: Layout, build: string, record: BuildRecord): void {
  const files = buildFiles(layout.build(record.resourceId, build))
  writeJson(files.record, record, { durable: true })
  rmSync(files.draft, { force: true })
  writeJson(indexFile(layout, record.resourceId, record.inputs), { build }, { durable: true })
}

/** Out of sight at once; the files go after it. */
export async function removeBuild(layout: Layout, resourceId: string, build: string): Promise<void> {
  const folder = layout.build(resourceId, build)
  const record = readBuild(layout, resourceId, build)
  if (record !== null) {
    const index = indexFile(layout, resourceId, record.inputs)
    if (readRecord(index)?.build === build) rmSync(index, { force: true })
  }
  await removeFolder(layout, folder)
}

export async function removeFolder(layout: Layout, folder: string): Promise<void> {
  if (!existsSync(folder)) return
  makeFolder(layout.trash)
  const trash = join(layout.trash, `${basename(folder)}-${randomBytes(4).toString('hex')}`)
  renameSync(folder, trash)
  await rm(trash, { recursive: true, force: true, maxRetries: 3 })
}

/** Builds that no living engine finishes any more. */
export async function sweepDrafts(layout: Layout, resourceId: string): Promise<void> {
  for (const name of folderNames(layout.buildsOf(resourceId))) {
    const folder = join(layout.buildsOf(resourceId), name)
    const draft = readRecord(buildFiles(folder).draft)
    const owner = parseIdentity(draft?.owner)
    if (!isRecord(draft) || draft.resourceId !== resourceId || owner === null || isAlive(owner)) continue
    if (readBuild(layout, resourceId, name) !== null) rmSync(buildFiles(folder).draft, { force: true })
    else await removeFolder(layout, folder)
  }
}
