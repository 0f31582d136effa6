import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'
import { readJson, root } from './workspace.mjs'

const lockFile = join(root, 'package-lock.json')
const stampFile = join(root, 'node_modules/.appaloft-lock')
const installedFile = join(root, 'node_modules/.package-lock.json')

const digest = () => createHash('sha256').update(readFileSync(lockFile)).digest('hex')

/** Whether what is installed is what the lock file says, by npm's own record; packages for other platforms may be absent. */
const inStep = () => {
  if (!existsSync(installedFile)) return false
  const installed = readJson(installedFile).packages
  return Object.entries(readJson(lockFile).packages).every(([path, { version, link, optional }]) => {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) return true
    const present = installed[path]
    if (!present) return optional === true
    return link === present.link && (link || version === present.version)
  })
}

/** Installs where `node_modules` is missing or out of step with the lock file; answers whether the tree can be used. */
export const install = async () => {
  const stamp = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : null
  if (stamp === digest() && existsSync(installedFile)) return true
  if (!inStep()) {
    console.log('Installing dependencies (npm ci) ...')
    const { code } = await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root })
    if (code !== 0) return false
  }
  writeFileSync(stampFile, digest())
  return true
}
