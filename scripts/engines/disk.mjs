import { mkdirSync, writeFileSync } from 'node:fs'
import { call } from './shell.mjs'

/** A file system of its own, of so many MiB, in a file beside it. The loop device goes with its last mount. */
export async function mountDisk(folder, mebibytes, env) {
  const file = `${folder}.img`
  writeFileSync(file, '')
  await call('truncate', ['--size', `${mebibytes}M`, file], { env })
  // Without the blocks that are kept for root: what is full for others is full for it.
  await call('mkfs.ext4', ['-q', '-m', '0', '-F', file], { env })
  mkdirSync(folder, { recursive: true })
  await call('mount', ['-o', 'loop', file, folder], { env })
}
