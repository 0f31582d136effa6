import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { socketFolder } from './folder.js'

/** No process has this number. */
const nobody = 2 ** 22 + 1

it('what a process left that was killed is removed, and nothing that one may be about to use', async () => {
  const base = mkdtempSync(join(tmpdir(), 'appaloft-'))
  vi.stubEnv('TMPDIR', base)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(base, { recursive: true, force: true })
  })
  const made = (name: string, files: readonly string[], hours = 0) => {
    const folder = join(base, `appaloft-ssh-${name}`)
    mkdirSync(folder)
    for (const file of files) writeFileSync(join(folder, file), '')
    const at = Date.now() / 1000 - hours * 3_600
    utimesSync(folder, at, at)
    return folder
  }
  const own = await socketFolder()
  // In another container that has the same temporary folder: it lives, and connects just now.
  const other = join(base, `appaloft-ssh-${nobody}-other`)
  renameSync(own.path, other)
  const left = [made(`${nobody}-killed`, ['here', 'known_hosts']), made(`${nobody}-old`, [], 2)]
  const young = made(`${nobody}-young`, [])
  const one = await socketFolder()
  const here = () => [...left, other, young, one.path].map((path) => existsSync(path))
  expect(here()).toEqual([false, false, true, true, true])
  await one.close()
  await own.close()
  const last = await socketFolder()
  expect(here()).toEqual([false, false, false, true, false])
  await last.close()
})
