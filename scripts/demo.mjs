// The whole path, from a fresh clone: installs and builds what is missing, then tells the story of demo/story.mjs.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './lib/run.mjs'
import { filesBelow, packages, root } from './lib/workspace.mjs'

const needed = (what, { code, output }) => {
  if (code === 0) return
  console.log(output)
  console.log(`${what} failed`)
  process.exit(1)
}
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

const newest = (files) => Math.max(0, ...files.map((file) => statSync(file).mtimeMs))
const isBuilt = ({ folder }) => {
  const built = filesBelow(join(folder, 'dist')).filter((file) => file.endsWith('.js'))
  return built.length > 0 && newest(built) >= newest(filesBelow(join(folder, 'src')))
}

let started = performance.now()
if (!existsSync(join(root, 'node_modules/.package-lock.json'))) {
  console.log('Installing the dependencies of this repository …')
  needed('npm ci', await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, capture: true }))
  console.log(`  done in ${seconds(started)}`)
}
started = performance.now()
if (!packages().every(isBuilt)) {
  console.log('Building the packages …')
  needed('npm run build', await run('npm', ['run', 'build'], { cwd: root, capture: true }))
  console.log(`  done in ${seconds(started)}`)
}

// Only now can the packages be imported.
const { tellStory } = await import('./demo/story.mjs')
process.exitCode = await tellStory()
