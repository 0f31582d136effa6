import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { AppaloftError, type Plan } from '@appaloft/core/spec'
import { makeFolder } from './shared/files.js'
import type { Layout } from './shared/paths.js'

/** Volumes are folders below the release's working directory: there is no other file system to mount them into. */
export const volumePathFits = (path: string): boolean => {
  const plain = normalize(path)
  return !isAbsolute(plain) && plain !== '.' && plain !== '..' && !plain.startsWith('../')
}

/**
 * Puts a link to the resource's own lasting folder where the plan wants the volume. What the source has at that place fills a new
 * volume, as it does elsewhere. Idempotent.
 */
export function linkVolumes(layout: Layout, plan: Plan, workingDirectory: string): void {
  for (const { name, path } of plan.volumes) {
    if (!volumePathFits(path))
      throw new AppaloftError('start-failed', { message: `The volume path ${path} is not usable.` })
    const volume = join(layout.volumesOf(plan.resourceId), name)
    makeFolder(volume)
    const place = join(workingDirectory, path)
    mkdirSync(dirname(place), { recursive: true })
    const found = lstatSync(place, { throwIfNoEntry: false })
    if (found?.isSymbolicLink() === true && readlinkSync(place) === volume) continue
    if (found !== undefined) {
      if (found.isDirectory() && readdirSync(volume).length === 0) cpSync(place, volume, { recursive: true })
      rmSync(place, { recursive: true, force: true })
    }
    if (!existsSync(place)) symlinkSync(volume, place)
  }
}
