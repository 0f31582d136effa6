import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import type { ProbeReport } from '@appaloft/core/spec'
import { readStatus } from './keeper/status.js'
import { lockHolder } from './shared/lock.js'
import type { Layout } from './shared/paths.js'
import { isAlive } from './shared/processes.js'
import { knownReleases } from './shared/records.js'

type ProbeCheck = ProbeReport['checks'][number]

const failBytes = 64 * 1024 * 1024
const warnBytes = 1024 * 1024 * 1024

/** Is the machine ready? Reads only: nothing is made or started. */
export function probe(layout: Layout, options: { embeddedProxy: boolean }): ProbeReport {
  const existing = firstExisting(layout.root)
  const checks = [nodeCheck(), toolCheck('npm'), folderCheck(existing), spaceCheck(existing), keeperCheck(layout)]
  if (options.embeddedProxy) checks.push(proxyCheck(layout))
  return { ok: checks.every((check) => check.status !== 'failed'), checks }
}

const firstExisting = (path: string): string =>
  existsSync(path) || dirname(path) === path ? path : firstExisting(dirname(path))

const nodeCheck = (): ProbeCheck => ({
  id: 'node',
  status: 'passed',
  message: `Node ${process.version.slice(1)} runs here.`,
})

function toolCheck(tool: string): ProbeCheck {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && mayExecute(join(folder, tool)))
  if (found) return { id: `tool.${tool}`, status: 'passed', message: `${tool} is in the PATH.` }
  return {
    id: `tool.${tool}`,
    status: 'warning',
    message: `${tool} is not in the PATH: builds that use it will fail.`,
    fix: `Install ${tool}, or put it into the PATH of this process.`,
  }
}

const may = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
const mayExecute = (path: string) => may(path, constants.X_OK)

function folderCheck(existing: string): ProbeCheck {
  if (may(existing, constants.W_OK | constants.X_OK))
    return { id: 'folder', status: 'passed', message: 'The state folder can be written.' }
  return {
    id: 'folder',
    status: 'failed',
    message: 'The state folder cannot be written by this user.',
    fix: 'Give this user the right to write to it, or choose another stateDir.',
  }
}

function spaceCheck(existing: string): ProbeCheck {
  const { bavail, bsize } = statfsSync(existing)
  const free = bavail * bsize
  const message = `${Math.floor(free / 1024 / 1024)} MiB are free on the disk of the state folder.`
  if (free >= warnBytes) return { id: 'disk', status: 'passed', message }
  return {
    id: 'disk',
    status: free < failBytes ? 'failed' : 'warning',
    message,
    fix: 'Free space, or let prune remove former releases.',
  }
}

/** None is needed as long as nothing runs: it is started with the first release. */
function keeperCheck(layout: Layout): ProbeCheck {
  const holder = lockHolder(layout.lock('keeper'))
  if (holder !== null)
    return { id: 'keeper', status: 'passed', message: `The keeper runs (pid ${holder.identity.pid}).` }
  const kept = knownReleases(layout).some(({ meta }) => meta.desired === 'running' && meta.promoted)
  if (!kept) return { id: 'keeper', status: 'passed', message: 'The keeper does not run: there is nothing to keep.' }
  return {
    id: 'keeper',
    status: 'warning',
    message: 'The keeper does not run although there are releases to keep.',
    fix: 'Run reconcile, or any deployment: that starts it again.',
  }
}

function proxyCheck(layout: Layout): ProbeCheck {
  const status = readStatus(layout, 'proxy')
  const alive = status !== null && isAlive(status.identity)
  if (alive && status.ready)
    return { id: 'proxy', status: 'passed', message: `The proxy runs (pid ${status.identity.pid}).` }
  if (status?.problem != null)
    return { id: 'proxy', status: 'warning', message: `The proxy could not start: ${status.problem}.` }
  return { id: 'proxy', status: 'passed', message: 'The proxy does not run; it is started with the first route.' }
}
