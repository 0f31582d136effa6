// Builds the JavaScript of every package, two at a time; the declarations come from `tsc -b`.
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inParallel, run } from './lib/run.mjs'
import { bin, filesBelow, packages } from './lib/workspace.mjs'

const tsup = bin('tsup')

/** Chunks carry a hash in their names: those that this build did not write are of an earlier one. */
const removeOld = (dist, since) => {
  for (const file of filesBelow(dist)) {
    if (/\.js(\.map)?$/.test(file) && statSync(file).mtimeMs < since) rmSync(file)
  }
}

const results = await inParallel(packages(), 2, async ({ folder, manifest }) => {
  const started = Date.now()
  const { code, output } = await run(process.execPath, [tsup, '--silent'], { cwd: folder, capture: true })
  if (code === 0) removeOld(join(folder, 'dist'), started - 1000)
  console.log(`${code === 0 ? 'built ' : 'FAILED'} ${manifest.name} (${Date.now() - started} ms)`)
  if (code !== 0) console.log(output)
  return code
})
process.exitCode = results.every((code) => code === 0) ? 0 : 1
